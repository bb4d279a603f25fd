"""Writes what the patient has into the draft of a discharge summary: named, hinted at, or left out.

The shares are judgement, untuned: 7% of the coded entries are left out, as in real summaries, and of those
that have findings 8% are told by a finding alone.
"""

from dataclasses import dataclass, field
from random import Random

from training.synthetic.catalogue import Entry
from training.synthetic.patients import Admission
from training.synthetic.wording import pick, sentence, wording

OMITTED_SHARE = 0.07
HINTED_SHARE = 0.08
FINDING_SHARE = 0.3  # of the named entries that have findings: a finding as well
DRUG_SHARE = 0.55  # of the entries that have drugs

PLACES: dict[str, tuple[tuple[str, float], ...]] = {
    "acute": (("story", 0.35), ("course", 0.75), ("diagnoses", 0.8)),
    "chronic": (("history", 0.75), ("intro", 0.15), ("story", 0.12), ("course", 0.3), ("diagnoses", 0.6)),
    "status": (("history", 0.65), ("intro", 0.1), ("story", 0.2), ("course", 0.15), ("diagnoses", 0.2)),
    "cause": (("story", 0.8), ("course", 0.25), ("diagnoses", 0.1)),
    "procedure": (("operations", 0.65), ("course", 0.65)),
}
TERSE_KEEPS = 0.55  # of those chances in a short summary
FALLBACK = {
    "acute": "course",
    "chronic": "history",
    "status": "history",
    "cause": "story",
    "procedure": "course",
}


@dataclass(slots=True)
class Draft:
    """Content of a discharge summary: sentences, lines or phrases by section, in the order of writing.

    ``intro`` holds the phrases behind "74 year old woman"; ``course`` problems and sentences; ``results``
    findings. ``has_diagnoses`` and ``has_operations`` say whether the summary has those sections at all;
    ``terse`` is the style of short summaries; ``headed`` puts each problem of the course under its name.
    """

    has_diagnoses: bool
    has_operations: bool
    terse: bool
    headed: bool
    intro: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    family: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    course: list[str] = field(default_factory=list)
    home_drugs: list[str] = field(default_factory=list)
    new_drugs: list[str] = field(default_factory=list)
    diagnoses: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


def tell_coded(draft: Draft, admission: Admission, rng: Random) -> list[Entry]:
    """Write the coded entries into the draft; return what is left to the addendum (one entry at most)."""
    late: list[Entry] = []
    for entry in admission.diagnoses + admission.procedures:
        chance = rng.random()
        if chance < OMITTED_SHARE:
            continue
        if chance < OMITTED_SHARE + HINTED_SHARE and entry.findings:
            _hint(draft, entry, rng)
            continue
        if chance > 0.99 and not late:
            late.append(entry)
            continue
        _name(draft, entry, rng)
        if entry.findings and rng.random() < FINDING_SHARE:
            _hint(draft, entry, rng)
        if entry.drugs and rng.random() < DRUG_SHARE:
            _prescribe(draft, entry, rng)
    return late


def tell_unlisted(draft: Draft, admission: Admission, rng: Random) -> None:
    """Write what is true of the patient and was never coded, in the history or in passing."""
    for entry in admission.unlisted:
        if entry.kind == "condition" and rng.random() < 0.5:
            draft.course.append(_in_words("unlisted.course", entry, rng))
        else:
            draft.history.append(_in_words("condition.history", entry, rng))
        if entry.drugs and rng.random() < DRUG_SHARE:
            _prescribe(draft, entry, rng)


def told_late(entry: Entry, rng: Random) -> str:
    """The sentence of an addendum on an entry."""
    return sentence(_in_words(f"{entry.kind}.course", entry, rng))


def role(entry: Entry) -> str:
    """The row of ``PLACES`` for an entry."""
    if entry.kind == "condition":
        return "chronic" if entry.chronic else "acute"
    return entry.kind


def _name(draft: Draft, entry: Entry, rng: Random) -> None:
    kind = role(entry)
    keep = TERSE_KEEPS if draft.terse else 1.0
    open_places = {"diagnoses": draft.has_diagnoses, "operations": draft.has_operations}
    places = [
        place
        for place, chance in PLACES[kind]
        if open_places.get(place, True) and rng.random() < chance * (1.0 if place in open_places else keep)
    ]
    for place in places or [FALLBACK[kind]]:
        _write(draft, place, entry, rng)


def _write(draft: Draft, place: str, entry: Entry, rng: Random) -> None:
    if place == "course":
        draft.course.append(_course(draft, entry, rng))
    elif place == "story":
        draft.story.append(_in_words(f"{entry.kind}.story", entry, rng))
    else:
        section, block = {
            "history": (draft.history, "condition.history"),
            "intro": (draft.intro, "condition.intro"),
            "operations": (draft.operations, "procedure.list"),
            "diagnoses": (draft.diagnoses, "condition.diagnosis"),
        }[place]
        section.append(_in_words(block, entry, rng))


def _course(draft: Draft, entry: Entry, rng: Random) -> str:
    """A sentence on the problem, or its name as a heading with a sentence that does not name it."""
    if draft.headed and entry.kind == "condition":
        treated = pick(wording()["condition.treated"], rng).render(rng)
        return f"# {sentence(entry.name(rng)).rstrip('.')}: {sentence(treated)}"
    return _in_words(f"{entry.kind}.course", entry, rng)


def _hint(draft: Draft, entry: Entry, rng: Random) -> None:
    finding = pick(entry.findings, rng).render(rng)
    pick([draft.results, draft.course, draft.story], rng).append(finding)


def _prescribe(draft: Draft, entry: Entry, rng: Random) -> None:
    drug = pick(entry.drugs, rng).render(rng)
    if entry.chronic and rng.random() < 0.75:
        draft.home_drugs.append(drug)
    if not entry.chronic or rng.random() < 0.65:
        draft.new_drugs.append(drug)


def _in_words(block: str, entry: Entry, rng: Random) -> str:
    return pick(wording()[block], rng).render(rng).replace("<x>", entry.name(rng))
