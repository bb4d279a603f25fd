"""Notes in the forms that they are sent in."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.text.assertion import NOT_PRESENT, Assertion
from model.text.note_form import plain_note
from model.text.read_note import read_note
from tests.note_forms import forms_of

LINED = [name for name in forms_of("") if not name.startswith("one line")]
WORDS = st.text("aébn< &ñß", min_size=1, max_size=6).map(str.strip).filter(bool)
NOTES = st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=2, max_size=8).map("\n".join)
NOTE = (
    "History of Present Illness: Testy McTestface came with a cough.\n"
    "Past Medical History: hypertension, on lisinopril\n"
    "Family History: father with atrial fibrillation\n"
    "Past Surgical History: hernia\n"
    "Denies:\n"
    "- fever\n"
    "- gout\n"
    "\n"
    "Discharge Diagnosis: COPD\n"
)


@pytest.mark.parametrize("form", LINED)
def test_a_form_with_line_ends_is_the_plain_note(form: str) -> None:
    """Escaped, as HTML, with CR: the text is the same, but for line ends at its end."""
    assert plain_note(forms_of(NOTE)[form]).text.rstrip() == NOTE.rstrip()


@pytest.mark.parametrize("form", forms_of(NOTE))
def test_a_disease_stays_with_its_patient(form: str) -> None:
    """The father's atrial fibrillation and the denied gout are not the patient's; the hypertension is, in each form."""
    note = read_note(forms_of(NOTE)[form])
    bits = dict(zip(note.words.plain, note.contexts.tolist(), strict=True))
    assert bits["fibrillation"] & Assertion.FAMILY
    assert bits["gout"] & Assertion.NEGATED
    assert not any(bits[word] & NOT_PRESENT for word in ("hypertension", "lisinopril", "hernia", "copd", "cough"))
    assert [section.name for section in note.sections if section.of_the_family] == ["Family History"]


@pytest.mark.parametrize("form", forms_of(NOTE))
def test_a_word_comes_back_as_it_was_sent(form: str) -> None:
    """The text as sent, sliced by the offsets of a word, is the word."""
    sent = forms_of(NOTE)[form]
    note = read_note(sent)
    for start, end in zip(note.words.start.tolist(), note.words.end.tolist(), strict=True):
        first, last, text = note.as_sent(start, end)
        assert text == sent[first:last] == note.text[start:end]
        assert note.as_read(first, last) == (start, end)


@settings(deadline=None)
@given(NOTES, st.sampled_from(["CR", "CR LF", "HTML <br>", "HTML <p> a line", "HTML <div> a line"]))
def test_any_note_comes_back(note: str, form: str) -> None:
    """Every word of a random note is found, in order, and its span of the text as sent is its spelling there."""
    sent = forms_of(note)[form]
    read, direct = read_note(sent), read_note(note)
    assert read.words.plain == direct.words.plain
    escaped = {"HTML": True}.get(form[:4], False)
    for start, end in zip(read.words.start.tolist(), read.words.end.tolist(), strict=True):
        first, last, text = read.as_sent(start, end)
        assert sent[first:last] == text
        assert escaped or text == read.text[start:end]
        assert plain_note(text).text == read.text[start:end]


@given(st.text("ab: .\nAB-#<>&;\\nrt[]", max_size=200))
def test_reading_twice_changes_no_more_than_reading_once(text: str) -> None:
    """What was read stays inside of what was sent, and offsets ascend."""
    note = plain_note(text)
    places = [note.as_sent(place, place + 1) for place in range(len(note.text))]
    assert all(0 <= start <= end <= len(text) for start, end in places)
    assert places == sorted(places)


@pytest.mark.parametrize(
    "text", [NOTE, "gout", "", "Temp < 37 & BP > 90\n100% sat", "a\n\nb\n", "[**Name 3**] x <0.01"]
)
def test_a_plain_note_is_read_as_it_is(text: str) -> None:
    """The very same text, without arrays."""
    note = plain_note(text)
    assert note.text == text
    assert note.starts is None


UNITS = (
    *(
        "\\n",
        "\\",
        "\\.br\\",
        "\\.br",
        "C:\\n",
        "&amp;",
        "&",
        "&a",
        "&#1",
        "<",
        "<p>",
        "<p ",
        "<!--",
        "<style>",
        "</p>",
    ),
    *(
        "\r",
        "a: ",
        "A: ",
        "A ",
        "Family History: ",
        ":",
        " - a",
        "- ",
        ".",
        ". ",
        ")",
        "[**",
        "[A",
        "(",
        "\n",
        " ",
        "\t",
    ),
    *("Denies:\n- a\n", "gout: no ", "| ", "[ ] ", "no, "),
)


@pytest.mark.parametrize("unit", UNITS)
def test_the_cost_is_linear_in_the_text(unit: str) -> None:
    """Words, sentences, sections and assertions of 100 kB take nowhere near 64 times those of an eighth."""

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        started = time.process_time()
        assert len(read_note(text).contexts) >= 0
        return time.process_time() - started

    small, large = (min(seconds(size) for _ in range(3)) for size in (12_500, 100_000))
    assert large < 24 * small + 0.5
