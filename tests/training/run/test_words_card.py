"""The card says of how many patients a bundle's words are."""

from dataclasses import replace

from tests.factories import tiny_documents
from training.run.words_card import words_card, words_readme, words_said


def test_the_number_of_patients_is_said() -> None:
    """On the screen and in the card's README."""
    found = words_card(tiny_documents(20), 5)
    assert (found["least_patients"], found["patients"], found["patients_are_named"]) == (5, 10, True)
    assert "at least 5 of 10 patients (--least-patients)" in words_said(found)
    assert "at least 5 of 10 patients" in words_readme(found)
    assert "--subject" not in words_said(found)
    assert words_readme({}) == ""


def test_notes_of_no_named_patient_are_said_to_count_as_patients() -> None:
    """A user who has the column can prepare the table again."""
    documents = [replace(document, subject_id=document.document_id) for document in tiny_documents(20)]
    found = words_card(documents, 5)
    assert found["patients"] == 20
    assert "names no patients, so each note counts as one" in words_said(found)
    assert "--subject" in words_said(found)
    assert "each note counted as one" in words_readme(found)
