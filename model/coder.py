"""The coder: notes in, ranked codes with evidence and a document embedding out."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.candidates import Channel
from model.code_vectors import CodeVector, CodeVectors
from model.errors import NoRanker
from model.evidence.explainer import NONE, Explainer, language_of, no_span
from model.icd import Code
from model.labels import LabelSpace
from model.network.batch import batch_of_ids
from model.network.int8_encoder import Int8Encoder
from model.network.network import CodingNetwork
from model.network.windows import WindowedNote, window_notes
from model.prediction import CodedNote, Evidence, NoteVectors, RankedCode, TokenCount
from model.processor_budget import check_budget, not_counted
from model.ranking.audit import AuditedNote, audit_note
from model.ranking.neighbour_vote import RankingNeighbour
from model.ranking.ranker import Ranker, Ranking
from model.ranking.selection import CodeChoice, ThresholdedRanking, classifier_ranking, with_thresholds
from model.ranking.thresholds import GLOBAL, GlobalThreshold, ThresholdPolicy
from model.stage_timing import stage
from model.text.known_words import KnownWords
from model.text.note_kind import Doubt, NoteKind
from model.text.note_text import check_note
from model.text.read_note import ReadNote, read_note

FindNeighbours = Callable[[np.ndarray], Sequence[RankingNeighbour]]
"""Similar notes, nearest first, by the embedding of a note, a unit row (D,)."""
Neighbours = Sequence[RankingNeighbour] | FindNeighbours | None


@dataclass(frozen=True)
class NoteScores:
    """Raw answer for one note: probabilities (L,), embedding (H,), token states (N, H)."""

    probabilities: np.ndarray
    embedding: np.ndarray
    states: Tensor
    windowed: WindowedNote


@dataclass
class Coder:
    """A loaded bundle that codes notes. Notes are encoded one at a time, so that no other note can change an answer;
    on a CPU batching is no faster."""

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
    ranker: Ranker | None = None
    """Fuses the classifier with other channels; without one the classifier alone answers."""
    known_words: KnownWords | None = None
    """Of training, to doubt texts in another language; None where training had too few to tell."""
    note_kind: NoteKind | None = None
    """Of the training notes, to doubt notes of another kind; None as above, and of bundles of earlier versions."""

    @property
    def embedding_dim(self) -> int:
        return self.network.encoder.hidden_size

    @property
    def uses_neighbours(self) -> bool:
        """Whether similar notes change the ranking."""
        return self.ranker is not None and self.ranker.with_neighbours is not None

    @property
    def code_vectors(self) -> CodeVectors | None:
        """How notes are written as code vectors; None without a ranker, and in bundles of earlier versions."""
        return None if self.ranker is None else self.ranker.code_vectors

    def predict(
        self,
        texts: Sequence[str],
        top_k: int = 20,
        explain: str = "attention",
        neighbours: Sequence[Neighbours] | None = None,
        policy: str | None = None,
        choice: CodeChoice | None = None,
    ) -> list[CodedNote]:
        """Code each text.

        Args:
            texts: notes as sent, in any form; offsets in the answer are code points into them.
            top_k: codes a note, best first, at least 1; ties go to the code that sorts first.
            explain: ``none``, or the source of evidence spans beside the lexical channels: ``attention``, or
                ``attingrad``, which costs a backward pass of the encoder for each code.
            neighbours: of each text, similar notes, nearest first, for a bundle with a ranker; or what finds them by
                the note's embedding.
            policy: which thresholds select; None for the global one.
            choice: which codes the answer may hold, before the best ``top_k`` are taken; None for every code.

        Raises:
            InvalidNote: a text is empty or holds characters that are no text.
            InvalidOption: the bundle has no such policy, or an int8 encoder and ``explain`` is ``attingrad``.
            ValueError: ``texts`` is a single string, ``neighbours`` has another length, or ``top_k`` or ``explain`` is
                out of range.
        """
        if isinstance(texts, str):  # a sequence too, of notes of one character
            raise ValueError("texts must be a list of notes, got a single string")
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}")
        self.explainer.require(explain)
        if neighbours is not None and len(neighbours) != len(texts):
            raise ValueError(f"neighbours has {len(neighbours)} entries, texts has {len(texts)}")
        for text in texts:
            check_note(text)
        similar = neighbours if neighbours is not None else [None] * len(texts)
        wanted = choice or CodeChoice()
        return [
            self._code(text, top_k, explain, found, policy, wanted) for text, found in zip(texts, similar, strict=True)
        ]

    def probabilities(self, text: str, neighbours: Sequence[RankingNeighbour] | None = None) -> np.ndarray:
        """Probability of every code of the label space as an answer gives it, float64 (L,)."""
        return self.of_label_space(self.ranked(text, neighbours))

    def ranked(self, text: str, neighbours: Neighbours = None) -> ThresholdedRanking:
        """Every candidate code of a note in the order of an answer, without evidence or doubt."""
        note = self.read(text)
        scores = self._score(note)
        ranking = self._ranking(self._text_channels(note), scores, self._found(neighbours, scores))
        return self._with_thresholds(ranking, scores, None)

    def of_label_space(self, ranked: ThresholdedRanking) -> np.ndarray:
        """Probability of every code of the label space, 0 for one that is no candidate, float64 (L,)."""
        found, inside = np.zeros(len(self.labels)), ranked.columns < len(self.labels)
        found[ranked.columns[inside]] = ranked.probabilities[inside]
        return found

    @property
    def codes(self) -> LabelSpace:
        """Codes by the columns of an answer: the label space, and what a ranker adds to it."""
        return self.labels if self.ranker is None else self.ranker.codes

    def threshold_policies(self, with_neighbours: bool) -> tuple[ThresholdPolicy, ...]:
        """The threshold policies of the answers, the global one first; of a ranker with or without neighbours."""
        if self.ranker is not None:
            fusion = self.ranker.with_neighbours if with_neighbours else None
            return (fusion or self.ranker.without_neighbours).policies
        known = {policy.name: policy for policy in self.policies}
        everywhere = known.pop(GLOBAL, ThresholdPolicy(GLOBAL, self.threshold.value))
        return (replace(everywhere, everywhere=self.threshold.value, own=None), *known.values())

    def audit(
        self, text: str, assigned: Collection[Code], explain: str = "attention", neighbours: Neighbours = None
    ) -> AuditedNote:
        """The assigned codes of a note beside its ranking, with evidence for them and for those that seem missing.

        Args:
            explain, neighbours: as in :meth:`predict`.

        Raises:
            NoRanker, NoConformalSet: the bundle has none.
            InvalidNote, InvalidOption: as :meth:`predict`.
        """
        if self.ranker is None:
            raise NoRanker("the bundle has no ranker, so nothing can be audited: train one from enough notes, or again")
        self.explainer.require(explain)
        check_note(text)
        note = self.read(text)
        scores = self._score(note)
        similar = self._found(neighbours, scores)
        with stage("rank"):
            ranking = self.ranker.rank(note, scores.probabilities, similar)
        found = audit_note(ranking, assigned, self.codes)
        columns = self.codes.columns([each.code for each in (*found.supported, *found.unsupported, *found.missing)])
        if explain != NONE and len(columns):
            spans = self.explainer.spans(note, scores.windowed, scores.states, columns, explain)
            found = audit_note(ranking, assigned, self.codes, spans)
        doubt = self.doubt(note.text, scores.embedding)
        if doubt is not None and doubt.is_strong:
            found = replace(found, missing=())
        tokens = TokenCount(scores.windowed.read_tokens, scores.windowed.total_tokens)
        warnings = (*_told(doubt), *self._without_neighbours(similar), *_truncation(tokens))
        return AuditedNote(found, tokens, warnings, self.precision)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Document embeddings, unit rows (B, H) float32."""
        rows = [self._embed(text) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.embedding_dim), dtype=np.float32)

    def vectors(self, texts: Sequence[str]) -> list[NoteVectors]:
        """What each text is searched by and stored by: its embedding, and the vector of its predicted codes.

        Raises:
            InvalidNote: as :meth:`predict`.
        """
        return [self._vectors(text) for text in texts]

    def _vectors(self, text: str) -> NoteVectors:
        check_note(text)
        note = self.read(text)
        scores = self._score(note)
        return NoteVectors(scores.embedding, self._code_vector(self._text_channels(note), scores, None))

    def _text_channels(self, note: ReadNote) -> Sequence[Channel]:
        return [] if self.ranker is None else self.ranker.text_channels(note)

    def _code_vector(
        self, from_text: Sequence[Channel], scores: NoteScores, ranking: Ranking | None
    ) -> CodeVector | None:
        """Of the codes that are predicted without neighbours: what stored notes carry has no part in it.

        Args:
            ranking: of the note, where it is known; one without neighbours need not be made again.
        """
        if self.ranker is None or self.ranker.code_vectors is None:
            return None
        if ranking is None or ranking.used_neighbours:
            ranking = self.ranker.rank_from(from_text, scores.probabilities, None)
        return self.ranker.code_vectors.predicted(ranking.columns, ranking.probabilities)

    @property
    def explainer(self) -> Explainer:
        """What finds the evidence of this bundle's answers."""
        return Explainer(
            network=self.network,
            pad_id=self.tokenizer.pad_token_id,
            labels=len(self.labels),
            device=self.device,
            lexical=None if self.ranker is None else self.ranker.lexical,
            has_gradient=self.int8_encoder is None,
        )

    def read(self, text: str) -> ReadNote:
        """The note as ranker and evidence read it, in the language of the lexical channels or of the bundle's card."""
        lexical = None if self.ranker is None else self.ranker.lexical
        return read_note(text, language_of(self.card) if lexical is None else lexical.language)

    def windowed(self, text: str) -> WindowedNote:
        """The tokens of one note as the encoder reads them; their offsets are into the plain text, see :meth:`read`."""
        return self._windowed(self.read(text))

    def _windowed(self, note: ReadNote) -> WindowedNote:
        with stage("tokenise"):
            return window_notes(self.tokenizer, [note.text], self.window, self.max_tokens)[0]

    def score(self, text: str) -> NoteScores:
        """Probabilities of every label and the embedding of one note."""
        return self._score(self.read(text))

    def _score(self, note: ReadNote) -> NoteScores:
        return self.score_windowed(self._windowed(note))

    @torch.inference_mode()
    def score_windowed(self, windowed: WindowedNote) -> NoteScores:
        """The same of a note as tokens, such as one whose tokens were masked."""
        with stage("encode"), not_counted():
            mask, states = self._encode(windowed)
        logits = self.network.label_attention(states, mask)
        embedding = self.network.embed(states, mask, logits)
        probabilities = torch.sigmoid(logits.double())[0].cpu().numpy()
        return NoteScores(probabilities, embedding[0].cpu().numpy(), states[0], windowed)

    @torch.inference_mode()
    def _embed(self, text: str) -> np.ndarray:
        windowed = self.windowed(text)
        with stage("encode"), not_counted():
            mask, states = self._encode(windowed)
        embedding: np.ndarray = self.network.embed(states, mask)[0].cpu().numpy()
        return embedding

    def _encode(self, windowed: WindowedNote) -> tuple[Tensor, Tensor]:
        """The note's mask (1, N) and its token states (1, N, H)."""
        self.network.eval()
        if self.int8_encoder is not None:
            mask = torch.ones(1, len(windowed.ids), dtype=torch.bool)
            return mask, self.int8_encoder.token_states(windowed)
        batch = batch_of_ids([windowed], self.tokenizer.pad_token_id).to(self.device)
        return batch.note_mask, self.network.token_states(batch)

    def _code(
        self,
        text: str,
        top_k: int,
        explain: str,
        neighbours: Neighbours,
        policy: str | None,
        choice: CodeChoice,
    ) -> CodedNote:
        note = self.read(text)
        scores = self._score(note)
        neighbours = self._found(neighbours, scores)
        with stage("rank"):
            from_text = self._text_channels(note)
            ranking = self._ranking(from_text, scores, neighbours)
            code_vector = self._code_vector(from_text, scores, ranking)
            ranked = self._with_thresholds(ranking, scores, policy)
        doubt = self.doubt(note.text, scores.embedding)
        if doubt is not None and doubt.is_strong:
            ranked = ranked.without_confidence()
        ranked = choice.of(ranked).best(top_k)
        spans = None
        if explain != NONE and len(ranked.columns):
            spans = self.explainer.spans(note, scores.windowed, scores.states, ranked.columns, explain)
        codes = tuple(self._ranked(place, ranked, spans) for place in range(len(ranked.columns)))
        tokens = TokenCount(scores.windowed.read_tokens, scores.windowed.total_tokens)
        warnings = (*_told(doubt), *self._without_neighbours(neighbours), *self._warnings(tokens, codes))
        return CodedNote(codes, scores.embedding, tokens, warnings, self.precision, code_vector)

    def doubt(self, text: str, embedding: np.ndarray) -> Doubt | None:
        """Why a plain text is unlike the training notes, first its language; None where it is like them."""
        check_budget()
        words = None if self.known_words is None else self.known_words.doubt(text)
        if words is not None:
            return Doubt(words, is_strong=True)
        return None if self.note_kind is None else self.note_kind.doubt(text, embedding)

    def _without_neighbours(self, neighbours: Sequence[RankingNeighbour] | None) -> tuple[str, ...]:
        return ("ranked without neighbours",) if self.uses_neighbours and neighbours is None else ()

    def _found(self, neighbours: Neighbours, scores: NoteScores) -> Sequence[RankingNeighbour] | None:
        if callable(neighbours):
            with not_counted():
                return neighbours(scores.embedding) if self.uses_neighbours else None
        return neighbours

    def _ranking(
        self, from_text: Sequence[Channel], scores: NoteScores, neighbours: Sequence[RankingNeighbour] | None
    ) -> Ranking | None:
        """By the ranker; None without one."""
        return None if self.ranker is None else self.ranker.rank_from(from_text, scores.probabilities, neighbours)

    def _with_thresholds(self, ranking: Ranking | None, scores: NoteScores, policy: str | None) -> ThresholdedRanking:
        """The ranker's order, or that of the classifier alone."""
        if ranking is None:
            return classifier_ranking(scores.probabilities, self.threshold, self.policies, policy)
        return with_thresholds(ranking, policy)

    def _ranked(
        self, place: int, ranked: ThresholdedRanking, spans: dict[int, tuple[Evidence, ...]] | None
    ) -> RankedCode:
        """The code at a place of the ranking; ``spans`` is None where no evidence was asked for."""
        column = int(ranked.columns[place])
        label = self.codes[column]
        probability, threshold = float(ranked.probabilities[place]), float(ranked.thresholds[place])
        evidence = (spans or {}).get(column, ())
        channels = ranked.channels[place] if ranked.channels else ()
        return RankedCode(
            rank=place + 1,
            system=label.system,
            code=label.code,
            title=label.title,
            probability=probability,
            threshold=threshold,
            selected=ranked.is_selected(place),
            train_count=label.count_train,
            evidence=evidence,
            channels=channels,
            no_span=None if spans is None or evidence else no_span(channels),
        )

    def _warnings(self, tokens: TokenCount, codes: tuple[RankedCode, ...]) -> tuple[str, ...]:
        warnings = [*_truncation(tokens)]
        rare = sum(code.selected and code.train_count <= 10 for code in codes)
        if rare:
            warnings.append(f"{rare} selected codes have at most 10 training notes")
        if not any(code.selected for code in codes):
            warnings.append("no code is above its threshold")
        return tuple(warnings)


def _told(doubt: Doubt | None) -> tuple[str, ...]:
    return () if doubt is None else (doubt.warning,)


def _truncation(tokens: TokenCount) -> tuple[str, ...]:
    return (f"only the first {tokens.read} of {tokens.total} tokens were read",) if tokens.truncated else ()
