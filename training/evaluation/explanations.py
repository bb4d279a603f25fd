"""Explanations of a bundle's answers, measured on a sample of notes: faithfulness and plausibility."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from model.coder import Coder, NoteScores
from model.dataset import Document
from model.errors import InvalidOption
from model.evidence.explainer import METHODS
from model.evidence.spans import evidence_spans
from model.icd import Code
from model.prediction import ATTENTION
from model.progress import with_progress
from model.text.read_note import ReadNote
from training.evaluation.bootstrap import mean_interval, micro_f1_interval
from training.evaluation.faithfulness import SHARES, mask_token, note_faithfulness
from training.evaluation.plausibility import Span, SpanAgreement, precision_recall_f1, span_agreement

CODES_A_NOTE = 5
"""Codes of a note whose faithfulness is measured, the most probable selected ones: the cost."""
RANDOM, ANSWER = "random", "answer"
"""Weights by chance, as a floor for faithfulness; all sources merged, as an answer shows them."""


@dataclass(frozen=True)
class ExplainedSample:
    """Which notes of a split are explained."""

    notes: int
    seed: int = 0

    def draw(self, documents: Sequence[Document]) -> list[Document]:
        """As many documents, or all there are, in their order."""
        number = min(self.notes, len(documents))
        places = np.random.default_rng(self.seed).choice(len(documents), number, replace=False)
        return [documents[place] for place in sorted(places.tolist())]


@dataclass
class _Found:
    """What the notes so far have shown, by method."""

    codes: int = 0
    comprehensiveness: dict[str, list[float]] = field(default_factory=dict)
    sufficiency: dict[str, list[float]] = field(default_factory=dict)
    agreement: dict[str, list[SpanAgreement]] = field(default_factory=dict)
    """One a note that has annotated spans of known codes."""


def require_explainable(coder: Coder) -> None:
    """Raise InvalidOption for an encoder in int8."""
    if not coder.explainer.has_gradient:
        raise InvalidOption(
            "--explanations measures AttInGrad, which needs the encoder's gradient, and int8 has none: "
            "add --precision bf16 or fp32"
        )


def evaluate_explanations(coder: Coder, documents: Sequence[Document], sample: ExplainedSample) -> dict[str, Any]:
    """Measure attention and AttInGrad, ready for JSON.

    Faithfulness is that of the classifier, on the codes that an answer selects (the best one where it selects none),
    beside weights by chance. Plausibility is over the annotated codes of the label space,
    selected or not.

    Raises:
        InvalidOption: see require_explainable.
    """
    require_explainable(coder)
    chosen, found = sample.draw(documents), _Found()
    random = np.random.default_rng(sample.seed)
    for document in with_progress(chosen, "explanations", len(chosen), "note"):
        scores = coder.score(document.text)
        if scores.windowed.read_tokens:
            _add_faithfulness(found, coder, scores, _selected(coder, document.text), random)
            _add_agreement(found, coder, document, scores)
    annotated = any(document.evidence is not None for document in chosen)
    return {
        "notes": len(chosen),
        "seed": sample.seed,
        "faithfulness": _faithfulness(found, coder),
        "plausibility": _plausibility(found),
        "no_plausibility": None if found.agreement else _why_no_plausibility(annotated),
    }


def _add_faithfulness(
    found: _Found, coder: Coder, scores: NoteScores, columns: np.ndarray, random: np.random.Generator
) -> None:
    note = scores.windowed
    weights = {method: coder.explainer.token_weights(note, scores.states, columns, method) for method in METHODS}
    weights[RANDOM] = random.random((len(columns), len(note.ids)))
    found.codes += len(columns)
    for method, rows in weights.items():
        measured = note_faithfulness(coder, note, columns, rows)
        found.comprehensiveness.setdefault(method, []).append(float(measured.comprehensiveness.mean()))
        found.sufficiency.setdefault(method, []).append(float(measured.sufficiency.mean()))


def _selected(coder: Coder, text: str) -> np.ndarray:
    """Columns of the label space that the answer selects, the most probable ones."""
    probabilities = coder.probabilities(text)
    best = np.argsort(-probabilities, kind="stable")[:CODES_A_NOTE]
    selected = best[probabilities[best] > coder.threshold.value]
    return np.asarray(selected if selected.size else best[:1])


def _add_agreement(found: _Found, coder: Coder, document: Document, scores: NoteScores) -> None:
    note = coder.read(document.text)
    marked = _marked(coder, document, note)
    if not marked:
        return
    columns = np.array(sorted(marked), dtype=np.int64)
    for method, spans in _spans(coder, note, scores, columns).items():
        total = SpanAgreement()
        for column, of_column in spans.items():
            total += span_agreement(note.words, of_column, marked[column])
        found.agreement.setdefault(method, []).append(total)


def _marked(coder: Coder, document: Document, note: ReadNote) -> dict[int, list[Span]]:
    """Annotated spans of the plain text by column of the label space."""
    marked: dict[Code, list[Span]] = {}
    for span in document.evidence or ():
        marked.setdefault(span.code, []).append(note.as_read(span.start, span.end))
    columns = {code: coder.labels.column(code) for code in marked}
    return {column: marked[code] for code, column in columns.items() if column is not None}


def _spans(coder: Coder, note: ReadNote, scores: NoteScores, columns: np.ndarray) -> dict[str, dict[int, list[Span]]]:
    """Spans of the plain text of each method by column; with lexical channels also those of the answer."""
    explainer, windowed = coder.explainer, scores.windowed
    spans: dict[str, dict[int, list[Span]]] = {}
    for method in METHODS:
        rows = explainer.token_weights(windowed, scores.states, columns, method)
        spans[method] = {
            column: [
                (span.start, span.end)
                for span in evidence_spans(note.text, row, windowed.offsets, method, note.language)
            ]
            for column, row in zip(columns.tolist(), rows, strict=True)
        }
    if explainer.lexical is not None:
        found = explainer.spans(note, windowed, scores.states, columns, ATTENTION)
        spans[ANSWER] = {
            column: [note.as_read(span.start, span.end) for span in of_column] for column, of_column in found.items()
        }
    return spans


def _faithfulness(found: _Found, coder: Coder) -> dict[str, Any]:
    measures = {"comprehensiveness": found.comprehensiveness, "sufficiency": found.sufficiency}
    return {
        "codes": found.codes,
        "masked_by": mask_token(coder.tokenizer)[1],
        "shares": list(SHARES),
        "methods": {
            method: {name: _interval(values[method]) for name, values in measures.items()}
            for method in found.comprehensiveness
        },
    }


def _interval(values: list[float]) -> dict[str, Any] | None:
    interval = mean_interval(np.array(values))
    return None if interval is None else asdict(interval)


def _plausibility(found: _Found) -> dict[str, Any] | None:
    if not found.agreement:
        return None
    totals = {method: sum(parts, SpanAgreement()) for method, parts in found.agreement.items()}
    return {
        "notes": len(found.agreement[ATTENTION]),
        "pairs": totals[ATTENTION].pairs,
        "marked_spans": totals[ATTENTION].marked_spans,
        "methods": {method: _agreement(total, found.agreement[method]) for method, total in totals.items()},
    }


def _agreement(total: SpanAgreement, notes: list[SpanAgreement]) -> dict[str, Any]:
    shared = np.array([note.shared_words for note in notes])
    wrong = np.array([note.found_words for note in notes]) - shared
    missed = np.array([note.marked_words for note in notes]) - shared
    interval = micro_f1_interval(shared, wrong, missed)
    return {
        "words": precision_recall_f1(total.shared_words, total.found_words, total.shared_words, total.marked_words),
        "word_f1_interval": None if interval is None else asdict(interval),
        "spans": precision_recall_f1(total.matched_found, total.found_spans, total.matched_marked, total.marked_spans),
    }


def _why_no_plausibility(annotated: bool) -> str:
    if annotated:
        return "none of these notes has an annotated span of a code that the bundle knows"
    return "the dataset has no annotated spans"
