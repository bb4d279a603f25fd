"""Finds the evidence spans of the codes of an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.errors import InvalidOption
from model.evidence.attingrad import attingrad
from model.evidence.gradient_budget import current_budget
from model.evidence.merge_spans import merge_evidence
from model.evidence.spans import evidence_spans
from model.lexicon.lexical_channels import SIBLINGS, LexicalChannels
from model.lexicon.lexical_evidence import lexical_spans, surest
from model.lexicon.linear_phrases import LINEAR
from model.network.batch import batch_of_ids
from model.network.network import CodingNetwork
from model.network.windows import WindowedNote
from model.prediction import ATTENTION, ATTINGRAD, Evidence
from model.processor_budget import not_counted
from model.ranking.channels import CLASSIFIER, NEIGHBOURS
from model.text.read_note import ReadNote
from model.text.stemming import LANGUAGES

CHANNEL_TITLES = {SIBLINGS: "sibling codes", LINEAR: "all words together"}
"""What a reader sees instead of a channel's name."""
METHODS = (ATTENTION, ATTINGRAD)
NONE = "none"
EXPLAIN = (NONE, *METHODS)


@dataclass(frozen=True)
class Explainer:
    """The parts of a bundle that evidence needs."""

    network: CodingNetwork
    pad_id: int
    labels: int
    """Codes that the classifier knows: the first columns of the code set."""
    device: str
    lexical: LexicalChannels | None
    has_gradient: bool
    """False where an int8 encoder stands in for the network's."""

    def require(self, method: str) -> None:
        """Raise unless the method can be used.

        Raises:
            ValueError: no such method.
            InvalidOption: AttInGrad with an int8 encoder.
        """
        if method not in EXPLAIN:
            raise ValueError(f"explain must be one of {', '.join(EXPLAIN)}, got '{method}'")
        if method == ATTINGRAD and not self.has_gradient:
            raise InvalidOption(
                "explain 'attingrad' needs the encoder's gradient, which int8 does not have: "
                "use 'attention', or open the bundle with --precision bf16 or fp32"
            )

    def token_weights(self, note: WindowedNote, states: Tensor, columns: np.ndarray, method: str) -> np.ndarray:
        """Weights of the tokens for some codes of the label space, (k, N), each row summing to 1.

        Args:
            states: of the note's tokens, (N, H).
        """
        return self._explained(note, states, columns, method)[0]

    def _explained(
        self, note: WindowedNote, states: Tensor, columns: np.ndarray, method: str
    ) -> tuple[np.ndarray, list[str]]:
        """The same and the method of each row: attention where the budget of AttInGrad has ended."""
        chosen = torch.from_numpy(columns).to(states.device)
        parts = [self._gradient_weights(note, states, chosen)] if method == ATTINGRAD else []
        explained = sum(len(part) for part in parts)
        if explained < len(columns) or not parts:
            with torch.inference_mode():
                parts.append(self.network.label_attention.attention(states, chosen[explained:]))
        found: np.ndarray = torch.cat(parts).cpu().numpy()
        return found, [ATTINGRAD] * explained + [ATTENTION] * (len(columns) - explained)

    def _gradient_weights(self, note: WindowedNote, states: Tensor, columns: Tensor) -> Tensor:
        """AttInGrad of the first codes, (k, N): of as many as the budget of this request allows."""
        batch = batch_of_ids([note], self.pad_id).to(self.device)
        budget = current_budget()
        if budget is None:
            return attingrad(self.network, batch, states, columns)
        weights = attingrad(self.network, batch, states, columns[: budget.left], budget.may_go_on)
        budget.spend(len(columns), len(weights))
        return weights

    def spans(
        self, note: ReadNote, windowed: WindowedNote, states: Tensor, columns: np.ndarray, method: str
    ) -> dict[int, tuple[Evidence, ...]]:
        """Merged spans of all sources by column; a code that the classifier does not know has lexical ones alone.

        Offsets and texts of the spans are those of the text as sent.

        Args:
            windowed: the tokens of the note's text.
            columns: of the code set, int64.
        """
        known = columns[columns < self.labels]
        with not_counted():
            rows, methods = self._explained(windowed, states, known, method)
        found = {
            column: evidence_spans(note.text, row, windowed.offsets, used, note.language)
            for column, row, used in zip(known.tolist(), rows, methods, strict=True)
        }
        if self.lexical is not None:
            for column, spans in lexical_spans(self.lexical, note, columns).items():
                found[column] = surest((*found.get(column, ()), *spans))
        merged = {column: merge_evidence(note, spans) for column, spans in found.items()}
        return {column: tuple(_as_sent(note, span) for span in spans) for column, spans in merged.items()}


def _as_sent(note: ReadNote, span: Evidence) -> Evidence:
    start, end, text = note.as_sent(span.start, span.end)
    return replace(span, start=start, end=end, text=text)


def language_of(card: Mapping[str, Any]) -> str:
    """Language of the notes that a bundle was trained on, as its card says; English where it says nothing known."""
    data = card.get("data")
    options = data.get("options") if isinstance(data, Mapping) else None
    language = options.get("language") if isinstance(options, Mapping) else None
    return language if isinstance(language, str) and language in LANGUAGES else "en"


def no_span(channels: Sequence[str]) -> str:
    """The note on a code without a span: the channels that proposed it, neighbours first.

    Args:
        channels: of the ranker, those that proposed the code; none where the classifier answers alone.
    """
    named = sorted(channels or (CLASSIFIER,), key=lambda name: name != NEIGHBOURS)
    return f"no span: from {' and '.join(CHANNEL_TITLES.get(name, name) for name in named)}"
