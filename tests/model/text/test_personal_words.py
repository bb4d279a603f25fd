"""Names and numbers of persons are recognised by what stands around them. All names here are invented."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.text.personal_words import personal_spans, personal_words, without_personal
from model.text.words import read_words


def named(text: str) -> list[str]:
    words = read_words(text)
    return [text[s:e] for s, e, found in zip(words.start, words.end, personal_words(text, words), strict=True) if found]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Name: Testina Fakeworth\nfever", ["Testina", "Fakeworth"]),
        ("Discharge summary of the patient. Name: Testina Fakeworth", ["Testina", "Fakeworth"]),
        ("PATIENT NAME: FAKEWORTH, TESTINA Q.\nfever", ["FAKEWORTH", "TESTINA", "Q"]),
        ("Patient's name : Testina O'Fake-Worth was admitted", ["Testina", "O", "Fake", "Worth"]),
        ("Apellidos: Inventada Ficticia", ["Inventada", "Ficticia"]),
        ("Attending: Mockley", ["Mockley"]),
        ("Seen by Dr. Mockley in clinic with Mrs Fakeworth", ["Mockley", "Fakeworth"]),
        ('Dictated By: Dr. "Testy Mockley", M.D.', ["Dr", "Testy", "Mockley"]),
        ("signed, Testy Mockley, RN today", ["Testy", "Mockley"]),
        ("write to testy.mockley@example.org now", ["testy", "mockley", "example", "org"]),
        ("MRN 1234567, phone 555-0100, born 1951", ["1234567", "0100", "1951"]),
        ("admission AB12345", ["AB12345"]),
        ("seen by [**Known lastname 99**] on ___", ["Known", "lastname", "99"]),
    ],
)
def test_what_names_a_person_is_found(text: str, words: list[str]) -> None:
    """Labels, titles, degrees, addresses, numbers, placeholders."""
    assert named(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "Brand name: Aspirin",
        "the patient: a woman with fever",
        "Patient: Pneumonia",
        "B12 and T10 and L4 of 120/80, 500 mg",
        "The patient was admitted with Crohn disease",
        "name:\nFever and Cough",
        "mitral stenosis, MS, and PA pressure",
    ],
)
def test_what_names_nobody_stays(text: str) -> None:
    """Medicine has labels, numbers and capitals of its own."""
    assert named(text) == []


def test_the_text_without_them_keeps_the_rest() -> None:
    """Words do not grow together."""
    assert without_personal("Name: Testina Fakeworth has fever").split() == ["Name:", "has", "fever"]
    assert without_personal("fever") == "fever"
    assert without_personal("") == ""


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("Name: Dr.,MD\n'-@xX1[*]_"), max_size=200))
def test_spans_lie_in_any_text(text: str) -> None:
    """Ascending, and never an error."""
    spans = personal_spans(text)
    assert spans == sorted(spans)
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert len(without_personal(text)) <= len(text) + len(spans)
    assert len(personal_words(text, read_words(text))) == len(read_words(text))


@pytest.mark.parametrize("part", ["Name: ", "Dr. A", "a" * 50, "Mr ", ", MD", "a.b@", "[** ", "Dr' - ", "A, ", "name "])
def test_reading_is_linear(part: str) -> None:
    """Eight times the text takes far less than the 64 times of a quadratic search."""

    def seconds(times: int) -> float:
        text = part * (times * 10_000 // len(part))
        best = float("inf")
        for _ in range(3):
            begun = time.thread_time()
            personal_spans(text)
            best = min(best, time.thread_time() - begun)
        return best

    assert seconds(8) <= 24 * seconds(1) + 0.01
