"""The words by which the lexical channels speak, as spans of the raw text."""

import numpy as np

from model.lexicon.lexical_evidence import lexical_spans, surest
from model.prediction import Evidence
from model.text.read_note import ReadNote
from tests.tiny_lexical import CODE_SET, FEMUR, GOUT, tiny_lexical


def spans_of(text: str) -> dict[int, tuple[Evidence, ...]]:
    lexical = tiny_lexical()
    return lexical_spans(lexical, ReadNote(text), np.arange(len(CODE_SET)))


def test_phrases_and_names_speak_for_their_codes() -> None:
    """A trained code has both, an unseen one its name; offsets are those of the raw text."""
    text = "\U0001f600 Pneumonia again, by an organism. Then the femur with a fracture."
    found = spans_of(text)
    femur = CODE_SET.column(FEMUR)
    assert set(found) == {0, femur}
    assert {(span.text, span.sources) for span in found[0]} == {
        ("Pneumonia", ("lexicon",)),
        ("Pneumonia", ("titles",)),
        ("organism", ("titles",)),
    }
    assert [(span.text, span.weight) for span in found[femur]] == [("femur", 1.0), ("fracture", 1.0)]
    for spans in found.values():
        assert all(text[span.start : span.end] == span.text for span in spans)


def test_a_name_with_one_word_between_is_one_span() -> None:
    """With two it is two."""
    femur = CODE_SET.column(FEMUR)
    assert femur is not None
    for text, expected in (
        ("Femur fracture.", ["Femur fracture"]),
        ("Fracture of femur.", ["Fracture of femur"]),
        ("Fracture of the femur.", ["Fracture", "femur"]),
    ):
        assert [span.text for span in spans_of(text)[femur]] == expected


def test_a_denied_name_is_no_evidence() -> None:
    """As it is no feature."""
    assert CODE_SET.column(GOUT) in spans_of("Gout was seen.")
    assert CODE_SET.column(GOUT) not in spans_of("No gout was seen.")


def test_an_unsure_phrase_is_shown_where_nothing_else_speaks() -> None:
    """Beside other spans it is noise."""
    unsure, other = Evidence(0, 4, "pain", 0.05, ("lexicon",)), Evidence(9, 12, "leg", 0.2, ("attention",))
    assert surest((unsure, other)) == (other,)
    assert surest((unsure,)) == (unsure,)
    assert surest(()) == ()
