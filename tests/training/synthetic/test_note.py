"""Discharge summaries."""

import re
from random import Random

import pytest

from training.synthetic.catalogue import Entry, catalogue
from training.synthetic.distractors import Distractions
from training.synthetic.draws import Draws
from training.synthetic.note import HEADINGS, Summary, discharge_summary
from training.synthetic.patients import Admission, patients

Told = tuple[Admission, Summary]


@pytest.fixture(scope="module")
def told() -> list[Told]:
    """600 admissions with their summaries."""
    draws = Draws(catalogue())
    return [
        (admission, discharge_summary(draws, patient, admission, Random(admission.hadm_id)))
        for patient in patients(catalogue(), 600, 11)
        for admission in patient.admissions
    ]


def _is_told(entry: Entry, text: str) -> bool:
    """Whether one of the entry's names stands in the text; names with numbers or slips are not found."""
    flat = " ".join(text.split()).lower()
    return any(form.render(Random(0)).lower() in flat for form in entry.names + entry.title_names)


def test_lengths_lie_between_300_and_3000_words_with_both_tails(told: list[Told]) -> None:
    """The median is around 650, the tail long."""
    words = sorted(len(summary.text.split()) for _, summary in told)
    assert words[0] >= 300
    assert words[0] < 345
    assert words[-1] <= 3000
    assert words[-1] > 1500
    assert 580 <= words[len(words) // 2] <= 720


def test_no_slot_of_a_template_is_left(told: list[Told]) -> None:
    """Pronouns, ages, years and names are filled in; braces and bars never show."""
    for _, summary in told:
        for text in (summary.text, *summary.addenda):
            assert not re.search(r"<[a-zA-Z]+>|[{}|]", text)


def test_discharge_diagnoses_stand_in_some_notes_only(told: list[Told]) -> None:
    """In about 45%."""
    share = sum(any(head in summary.text for head in HEADINGS["diagnoses"]) for _, summary in told) / len(told)
    assert 0.35 < share < 0.55


def test_sections_come_in_several_orders(told: list[Told]) -> None:
    """No position gives a section away."""
    heads = {
        name: re.compile("|".join(map(re.escape, HEADINGS[name])))
        for name in ("social", "family", "results", "home_drugs")
    }
    orders = set()
    for _, summary in told:
        found = {name: match.start() for name, head in heads.items() if (match := head.search(summary.text))}
        orders.add(tuple(sorted(found, key=found.__getitem__)))
    assert len(orders) >= 3


def test_titles_are_rarely_copied(told: list[Told]) -> None:
    """Of the coded diagnoses and procedures fewer than a sixth appear with their long title."""
    pairs = [
        entry.title.long.lower() in " ".join(summary.text.split()).lower()
        for admission, summary in told
        for entry in admission.diagnoses + admission.procedures
    ]
    assert sum(pairs) / len(pairs) < 1 / 6


def test_no_code_is_told_by_its_title_alone(told: list[Told]) -> None:
    """Every code with ten admissions has some where the title does not appear."""
    seen: dict[Entry, list[bool]] = {}
    for admission, summary in told:
        flat = " ".join(summary.text.split()).lower()
        for entry in admission.diagnoses + admission.procedures:
            seen.setdefault(entry, []).append(entry.title.long.lower() in flat)
    assert all(not all(copied) for copied in seen.values() if len(copied) >= 10)


def test_most_coded_entries_are_named_and_some_are_not(told: list[Told]) -> None:
    """Label noise as in reality: some codes are hinted at or left out."""
    pairs = [
        _is_told(entry, summary.text)
        for admission, summary in told
        for entry in admission.diagnoses + admission.procedures
    ]
    assert 0.75 < sum(pairs) / len(pairs) < 0.95


def test_some_true_conditions_are_told_and_not_coded(told: list[Told]) -> None:
    """5 to 10% of the coded ones."""
    unlisted = sum(len(admission.unlisted) for admission, _ in told)
    coded = sum(len(admission.diagnoses + admission.procedures) for admission, _ in told)
    assert 0.05 < unlisted / coded < 0.10


@pytest.mark.parametrize(
    "frame", ["no evidence of {}", "negative for {}", "mother had {}", "brother with {}", "denied {}"]
)
def test_distractors_name_codes_that_the_admission_does_not_have(told: list[Told], frame: str) -> None:
    """Negated and of relatives, in the words of the codes."""
    conditions = [entry for entry in catalogue().diagnoses if entry.kind == "condition"]
    framed = [(entry, frame.format(form.render(Random(0)).lower())) for entry in conditions for form in entry.names]
    found = 0
    for admission, summary in told[:300]:
        flat = " ".join(summary.text.split()).lower()
        if frame.format("") not in flat:
            continue
        present = set(admission.diagnoses + admission.unlisted)
        found += sum(entry not in present and phrase in flat for entry, phrase in framed)
    assert found >= 5


def test_a_distractor_is_never_of_a_category_that_the_patient_has(told: list[Told]) -> None:
    """428.22 coded: nothing of 428 is negated."""
    rng = Random(5)
    draws = Draws(catalogue())
    for admission, _ in told[:100]:
        distractions = Distractions(draws, admission)
        present = {(e.code.system, e.category) for e in admission.diagnoses + admission.unlisted}
        drawn = [entry for _ in range(20) if (entry := distractions._draw(None, rng)) is not None]
        assert not present & {(entry.code.system, entry.category) for entry in drawn}


def test_sentences_hardly_repeat_between_notes(told: list[Told]) -> None:
    """Two notes share few of their sequences of eight words."""

    def shingles(text: str) -> set[tuple[str, ...]]:
        words = [word for word in text.split() if not word.startswith("[**")]
        return {tuple(words[i : i + 8]) for i in range(len(words) - 7)}

    first, second = shingles(told[20][1].text), shingles(told[40][1].text)
    assert len(first & second) < 0.15 * len(first)
