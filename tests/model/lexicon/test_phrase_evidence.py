"""The phrase that speaks for a code, in its place in the raw text, with its flags."""

import pytest

from model.dataset import CodeSpan, Document
from model.labels import Label, LabelSpace
from model.lexicon.lexicon import Lexicon
from model.lexicon.phrase_evidence import SpanContext, best_phrases, span_context
from model.text.read_note import ReadNote
from training.ranking.lexicon_fit import fit_lexicon
from training.ranking.training_note import training_note

LABELS = LabelSpace((Label("icd9cm", "401.9", ""), Label("icd9cm", "486", "")))


def lexicon_of_pneumonia() -> Lexicon:
    """Six notes, half of them with a marked pneumonia."""
    code = LABELS[1].key
    notes = []
    for n in range(6):
        text = f"Invented note {n}. Severe pneumonia today." if n % 2 else f"Invented note {n}. Severe pain today."
        spans = (CodeSpan(code, text.index("pneumonia"), text.index(" today")),) if n % 2 else ()
        document = Document(f"d{n}", f"p{n}", "train", text, (code,) if n % 2 else (), evidence=spans)
        notes.append(training_note(document, LABELS.columns, "en"))
    return fit_lexicon(notes, len(LABELS))


def test_the_surest_phrase_is_shown_where_it_stands() -> None:
    """First place in the raw text, after a character of two units too; none for a code without a phrase."""
    text = "\U0001f600 Seen: Pneumonia, severe. Later pneumonia again."
    note = ReadNote(text)
    found = best_phrases(lexicon_of_pneumonia(), note, [0, 1])
    assert list(found) == [1]
    assert text[found[1].start : found[1].end] == "Pneumonia"
    assert found[1].precision == pytest.approx(3 / 4)


def test_flags_and_section_of_a_span() -> None:
    """Negated in one section, of the family in another, plain in a third."""
    text = "Course: no gout was seen.\nFamily History: asthma\nPast History: history of stroke and gout"
    note = ReadNote(text)

    def of(word: str) -> SpanContext:
        start = text.index(word)
        return span_context(note, start, start + len(word))

    assert of("gout") == SpanContext("Course", True, False, False, False)
    assert of("asthma") == SpanContext("Family History", False, True, False, False)
    assert of("stroke") == SpanContext("Past History", False, False, True, False)
    assert of("seen").negated
    assert span_context(note, 0, 0) == SpanContext("Course", False, False, False, False)
