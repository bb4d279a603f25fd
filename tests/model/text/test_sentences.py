"""Where a sentence ends, in running text and in the lists of a discharge summary."""

import pytest

from model.text.sentences import sentences

LONG = "The invented patient was admitted with a fever and there was no evidence of"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("No fever. Chills were seen.", ["No fever.", "Chills were seen."]),
        ("About approx. three days. Then home", ["About approx. three days.", "Then home"]),
        ("HTN; DM", ["HTN;", "DM"]),
        ("No fever\nPneumonia", ["No fever", "Pneumonia"]),
        (f"{LONG}\npneumonia on film.", [f"{LONG}\npneumonia on film."]),
        (f"{LONG}\n\npneumonia", [LONG, "pneumonia"]),
        (f"{LONG}\n- pneumonia", [LONG, "- pneumonia"]),
        (f"{LONG}\nFamily History: none", [LONG, "Family History: none"]),
        ("Dolor. Él niega", ["Dolor.", "Él niega"]),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, parts: list[str]) -> None:
    """Offsets cut the text into its sentences."""
    assert [text[start:end] for start, end in sentences(text)] == parts
