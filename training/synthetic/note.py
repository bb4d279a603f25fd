"""A discharge summary in the form of MIMIC-III's: sections, de-identified tokens, 300 to 3,000 words."""

import re
import textwrap
from dataclasses import dataclass
from datetime import datetime
from random import Random

from training.synthetic.catalogue import Entry
from training.synthetic.distractors import Distractions, distract
from training.synthetic.draws import Draws
from training.synthetic.mentions import Draft, tell_coded, tell_unlisted, told_late
from training.synthetic.patients import Admission, Patient
from training.synthetic.uncoded_text import Filler
from training.synthetic.wording import pick, sentence, wording

MIN_WORDS, MAX_WORDS = 300, 3000
SPREAD = 0.45  # of the log-normal number of words
DIAGNOSES_SECTION = 0.45
OPERATIONS_SECTION = 0.75

ORDERS = (
    "complaint operations story history social family exam results course home_drugs new_drugs",
    "operations complaint story history home_drugs social family exam results course new_drugs",
    "complaint story history home_drugs family social exam results operations course new_drugs",
    "story history family social home_drugs exam results course operations new_drugs",
    "complaint story history social family exam home_drugs results operations course new_drugs",
)
HEADINGS = {
    "complaint": ("Chief Complaint:", "CHIEF COMPLAINT:"),
    "operations": ("Major Surgical or Invasive Procedure:", "PROCEDURES:"),
    "story": ("History of Present Illness:", "HISTORY OF PRESENT ILLNESS:", "HPI:"),
    "history": ("Past Medical History:", "PAST MEDICAL HISTORY:", "PMH:"),
    "social": ("Social History:", "SOCIAL HISTORY:"),
    "family": ("Family History:", "FAMILY HISTORY:", "FHx:"),
    "exam": ("Physical Exam:", "PHYSICAL EXAMINATION:"),
    "results": ("Pertinent Results:", "LABORATORY DATA:", "Pertinent Results:"),
    "course": ("Brief Hospital Course:", "HOSPITAL COURSE:", "Brief Hospital Course by problem:"),
    "home_drugs": ("Medications on Admission:", "MEDICATIONS ON ADMISSION:", "Home meds:"),
    "new_drugs": ("Discharge Medications:", "DISCHARGE MEDICATIONS:"),
    "disposition": ("Discharge Disposition:", "DISPOSITION:"),
    "diagnoses": ("Discharge Diagnosis:", "DISCHARGE DIAGNOSES:", "FINAL DIAGNOSES:"),
    "condition": ("Discharge Condition:", "CONDITION ON DISCHARGE:"),
    "instructions": ("Discharge Instructions:", "DISCHARGE INSTRUCTIONS:"),
    "followup": ("Followup Instructions:", "FOLLOW UP:"),
}


@dataclass(frozen=True, slots=True)
class NoteShape:
    """Length of summaries, and the share with an addendum without new content."""

    median_words: int = 640
    addendum_share: float = 0.09


DEFAULT_SHAPE = NoteShape()
REAL_SHAPE = NoteShape(median_words=1_400, addendum_share=0.005)
"""As long as MIMIC-III's summaries are, and about as many addenda: 59,652 rows for 52,726 admissions."""
_SLOT = re.compile(r"<(age|man|he|He|him|his|year)>")


@dataclass(frozen=True, slots=True)
class Summary:
    """A report and its addenda."""

    text: str
    addenda: tuple[str, ...]


def discharge_summary(
    draws: Draws, patient: Patient, admission: Admission, rng: Random, shape: NoteShape = DEFAULT_SHAPE
) -> Summary:
    """A summary of the admission; the same for the same state of ``rng``."""
    target = int(min(MAX_WORDS - 250, max(MIN_WORDS + 15, rng.lognormvariate(0, SPREAD) * shape.median_words)))
    draft = Draft(
        has_diagnoses=rng.random() < DIAGNOSES_SECTION,
        has_operations=rng.random() < OPERATIONS_SECTION,
        terse=target < 480,
        headed=rng.random() < 0.5,
    )
    distractions = Distractions(draws, admission)
    late = tell_coded(draft, admission, rng)
    tell_unlisted(draft, admission, rng)
    distract(draft, distractions, (3 if draft.terse else 6) + int(rng.random() * 5) + target // 160, rng)
    filler = Filler(distractions, rng)
    sections = _sections(draft, admission, filler, rng)
    filler.pad(sections, target)
    text = _written(sections, patient, admission, draft, rng)
    addenda = _addenda(late, distractions, patient, admission, shape.addendum_share, rng)
    return Summary(_filled(text, patient, admission), addenda)


def _say(block: str, rng: Random) -> str:
    return pick(wording()[block], rng).render(rng)


def _sections(draft: Draft, admission: Admission, filler: Filler, rng: Random) -> dict[str, list[str]]:
    """Paragraphs or lines of each section, before padding."""
    newborn = admission.group == "newborn"
    opening = f"{_say('opening', rng)} {' and '.join(draft.intro)} {_say('presents', rng)}"
    story = [sentence(_say("newborn.story", rng) if newborn else re.sub(" +", " ", opening))]
    told = [sentence(text) for text in draft.story]
    rng.shuffle(told)
    course = [sentence(text) for text in draft.course]
    course += [sentence(filler.say("course.filler")) for _ in range(2)]
    course.append(sentence(_say(f"course.{admission.group}", rng)))
    rng.shuffle(course)
    for lines in (draft.history, draft.diagnoses, draft.new_drugs, draft.operations):
        rng.shuffle(lines)
    return {
        "complaint": [_say("complaint", rng)],
        "operations": draft.operations or ["None"],
        "story": [*story, *told],
        "history": draft.history or [pick(["None", "none known", "As above"], rng)],
        "social": [sentence(_say("social", rng))],
        "family": [sentence(text) for text in draft.family] or [sentence(_say("family.none", rng))],
        "exam": filler.exam(3 if draft.terse else 7),
        "results": [filler.panel(), *(sentence(text) for text in draft.results)],
        "course": course,
        "home_drugs": [*draft.home_drugs, _say("med.noise", rng)],
        "new_drugs": [*draft.new_drugs, *(_say("med.noise", rng) for _ in range(2))],
        "disposition": [_say("disposition", rng)],
        "diagnoses": draft.diagnoses,
        "condition": ["Expired" if admission.died else _say("condition", rng)],
        "instructions": [sentence(filler.say("instructions")), *(sentence(text) for text in draft.advice)],
        "followup": [sentence(filler.say("followup"))],
    }


def _token(moment: datetime) -> str:
    """A shifted date as the de-identified notes write it."""
    return f"[**{moment.year}-{moment.month}-{moment.day}**]"


def _written(sections: dict[str, list[str]], patient: Patient, admission: Admission, draft: Draft, rng: Random) -> str:
    """The sections in one of the usual orders under one of their headings."""
    parts = [
        f"Admission Date:  {_token(admission.admitted)}              Discharge Date:   {_token(admission.discharged)}",
        f"Date of Birth:  {_token(patient.born)}             Sex:   {patient.sex}",
        f"Service: {_say('service', rng) if admission.group != 'newborn' else 'NEONATOLOGY'}",
        f"Allergies:\n{_say('allergies', rng)}",
        f"Attending:[**First Name{int(rng.random() * 9)} (LF) {int(rng.random() * 9999)}**]",
    ]
    style = int(rng.random() * 3)
    ending = ["disposition", "diagnoses", "condition", "instructions", "followup"]
    for name in [*pick(ORDERS, rng).split(), *ending]:
        if (name == "diagnoses" and not sections[name]) or (name == "operations" and not draft.has_operations):
            continue
        heading = HEADINGS[name][style % len(HEADINGS[name])]
        parts.append(f"{heading}\n{_body(name, sections[name], rng)}")
    author = pick(["Testy McTestface", "Fakename Samplepatient", "Placeholder Notreal"], rng)
    parts.append(f'Dictated By: Dr. "{author}", M.D.\n[**MD Number(1) {int(rng.random() * 999)}**]')
    return "\n\n".join(parts) + "\n"


def _body(name: str, lines: list[str], rng: Random) -> str:
    """Running text, a list or a line with commas, as such sections are written."""
    if name in ("story", "course", "instructions"):
        return _paragraphs(lines, rng)
    if name in ("history", "diagnoses", "home_drugs", "new_drugs", "operations"):
        form = int(rng.random() * 4)
        if form == 0:
            return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
        if form == 1:
            return "\n".join(f"- {line}" for line in lines)
        if form == 2:
            return textwrap.fill("; ".join(lines) if name != "operations" else ", ".join(lines), 78)
    return "\n".join(textwrap.fill(line, 78) if len(line) > 78 else line for line in lines)


def _paragraphs(lines: list[str], rng: Random) -> str:
    """Sentences joined to paragraphs of a few; a headed problem begins its own."""
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if paragraphs[-1] and (line.startswith("#") or len(paragraphs[-1]) > 2 + rng.random() * 8):
            paragraphs.append([])
        paragraphs[-1].append(line)
    return "\n".join(textwrap.fill(" ".join(paragraph), 78) for paragraph in paragraphs)


def _filled(text: str, patient: Patient, admission: Admission) -> str:
    """The text with the patient's age and pronouns in the slots."""
    male = patient.sex == "M"
    age = int((admission.admitted - patient.born).days / 365.25)
    slots = {
        "age": "[**Age over 90 **]" if age > 89 else str(age),
        "year": str(admission.admitted.year),
        "man": "man" if male else "woman",
        "he": "he" if male else "she",
        "He": "He" if male else "She",
        "him": "him" if male else "her",
        "his": "his" if male else "her",
    }
    return _SLOT.sub(lambda match: slots[match[1]], text)


def _addenda(
    late: list[Entry],
    distractions: Distractions,
    patient: Patient,
    admission: Admission,
    share: float,
    rng: Random,
) -> tuple[str, ...]:
    """No, one or two addenda; what the report left for later is told in the first."""
    count = 0
    if late or rng.random() < share:
        count = 1 if rng.random() < 0.85 else 2
    texts = []
    for number in range(count):
        lines = [_say("addendum", rng)]
        if number == 0:
            lines += [told_late(entry, rng) for entry in late]
        negated = distractions.mention("negated", rng)
        lines += [sentence(negated)] if negated else []
        body = textwrap.fill(" ".join(lines), 78)
        texts.append(_filled(f"Name:  [**Known lastname {int(rng.random() * 9999)}**]\n\n{body}\n", patient, admission))
    return tuple(texts)
