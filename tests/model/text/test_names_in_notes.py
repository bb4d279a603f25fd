"""A name is no mention of a disease, and moves no ranking. All names here are invented."""

import pytest

from model.text.read_note import read_note


@pytest.mark.parametrize("text", ["Name: Testina Parkinson", "seen by Dr. Parkinson", "Mrs. Parkinson, MRN 1234567"])
def test_a_name_has_no_stem(text: str) -> None:
    """So neither a phrase nor a title matches it."""
    assert not {"parkinson", "testina", "1234567"} & set(read_note(text).words.stems)


def test_a_disease_called_after_a_person_keeps_its_stem() -> None:
    """Nothing around it marks a name."""
    assert "parkinson" in read_note("She has Parkinson disease.").words.stems
