"""The coder: notes in, ranked codes with evidence and a document embedding out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.batch import batch_of_ids
from model.evidence import evidence_spans
from model.int8_encoder import Int8Encoder
from model.labels import LabelSpace
from model.network import CodingNetwork
from model.note_text import check_note
from model.prediction import CodedNote, Evidence, RankedCode, TokenCount
from model.thresholds import GlobalThreshold, ThresholdPolicy
from model.windows import WindowedNote, window_notes

EXPLAIN = ("none", "attention")


@dataclass(frozen=True)
class NoteScores:
    """Raw answer for one note: probabilities (L,), embedding (H,), token states (N, H)."""

    probabilities: np.ndarray
    embedding: np.ndarray
    states: Tensor
    windowed: WindowedNote


@dataclass
class Coder:
    """A bundle at work. Notes are encoded one at a time: on a CPU batching does not pay, and no note's answer can
    depend on its batch mates."""

    network: CodingNetwork
    tokenizer: Any
    labels: LabelSpace
    threshold: GlobalThreshold
    window: int
    max_tokens: int
    bundle_id: str
    embedding_id: str
    card: dict[str, Any]
    device: str = "cpu"
    precision: str = "fp32"
    """fp32, bf16 or int8, of the encoder."""
    int8_encoder: Int8Encoder | None = None
    """Stands in for the network's encoder, which has no weights then."""
    policies: tuple[ThresholdPolicy, ...] = ()
    """Further ways to choose thresholds; bundles made before there were any have none."""

    @property
    def embedding_dim(self) -> int:
        return self.network.encoder.hidden_size

    def predict(self, texts: Sequence[str], top_k: int = 20, explain: str = "attention") -> list[CodedNote]:
        """Code each text.

        Args:
            texts: raw notes; offsets in the answer are code points into them.
            top_k: codes a note, best first, at least 1; ties go to the code that sorts first.
            explain: ``none``, or ``attention`` for evidence spans.

        Raises:
            InvalidNote: a text is empty or holds characters that are no text.
            ValueError: ``texts`` is a single string, or ``top_k`` or ``explain`` is out of range.
        """
        if isinstance(texts, str):  # a sequence too, of notes of one character
            raise ValueError("texts must be a list of notes, got a single string")
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}")
        if explain not in EXPLAIN:
            raise ValueError(f"explain must be one of {', '.join(EXPLAIN)}, got '{explain}'")
        for text in texts:
            check_note(text)
        return [self._code(text, top_k, explain) for text in texts]

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Document embeddings, unit rows (B, H) float32."""
        rows = [self._embed(text) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.embedding_dim), dtype=np.float32)

    @torch.inference_mode()
    def score(self, text: str) -> NoteScores:
        """Probabilities of every label and the embedding of one note."""
        windowed, mask, states = self._encode(text)
        logits = self.network.label_attention(states, mask)
        embedding = self.network.document_embedding(states, mask)
        probabilities = torch.sigmoid(logits.double())[0].cpu().numpy()
        return NoteScores(probabilities, embedding[0].cpu().numpy(), states[0], windowed)

    @torch.inference_mode()
    def _embed(self, text: str) -> np.ndarray:
        _, mask, states = self._encode(text)
        embedding: np.ndarray = self.network.document_embedding(states, mask)[0].cpu().numpy()
        return embedding

    def _encode(self, text: str) -> tuple[WindowedNote, Tensor, Tensor]:
        """The note's windows, its mask (1, N) and its token states (1, N, H)."""
        windowed = window_notes(self.tokenizer, [text], self.window, self.max_tokens)[0]
        self.network.eval()
        if self.int8_encoder is not None:
            mask = torch.ones(1, len(windowed.ids), dtype=torch.bool)
            return windowed, mask, self.int8_encoder.token_states(windowed)
        batch = batch_of_ids([windowed], self.tokenizer.pad_token_id).to(self.device)
        return windowed, batch.note_mask, self.network.token_states(batch)

    def _code(self, text: str, top_k: int, explain: str) -> CodedNote:
        scores = self.score(text)
        columns = np.argsort(-scores.probabilities, kind="stable")[:top_k]
        spans = self._evidence(text, scores, columns) if explain == "attention" else [()] * len(columns)
        codes = tuple(
            self._ranked(rank, int(column), float(scores.probabilities[column]), evidence)
            for rank, (column, evidence) in enumerate(zip(columns, spans, strict=True), start=1)
        )
        tokens = TokenCount(scores.windowed.read_tokens, scores.windowed.total_tokens)
        return CodedNote(codes, scores.embedding, tokens, self._warnings(tokens, codes), self.precision)

    @torch.inference_mode()
    def _evidence(self, text: str, scores: NoteScores, columns: np.ndarray) -> list[tuple[Evidence, ...]]:
        chosen = torch.from_numpy(columns).to(scores.states.device)
        weights = self.network.label_attention.attention(scores.states, chosen).cpu().numpy()  # (k, N)
        return [evidence_spans(text, row, scores.windowed.offsets) for row in weights]

    def _ranked(self, rank: int, column: int, probability: float, evidence: tuple[Evidence, ...]) -> RankedCode:
        label = self.labels[column]
        return RankedCode(
            rank=rank,
            system=label.system,
            code=label.code,
            title=label.title,
            probability=probability,
            threshold=self.threshold.value,
            selected=probability > self.threshold.value,
            train_count=label.count_train,
            evidence=evidence,
        )

    def _warnings(self, tokens: TokenCount, codes: tuple[RankedCode, ...]) -> tuple[str, ...]:
        warnings = []
        if tokens.truncated:
            warnings.append(f"only the first {tokens.read} of {tokens.total} tokens were read")
        rare = sum(code.selected and code.train_count <= 10 for code in codes)
        if rare:
            warnings.append(f"{rare} selected codes have at most 10 training notes")
        if not any(code.selected for code in codes):
            warnings.append("no code is above its threshold")
        return tuple(warnings)
