"""Notes of other categories by the million, assembled at random from a pool of passages.

Passages of a few sentences are rendered from the wording files into a pool for each category; a note is a line
with its date and as many passages as its length asks for, which costs microseconds.
"""

import textwrap
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from random import Random

from training.synthetic.patient_rows import Row, note_times
from training.synthetic.patients import Admission
from training.synthetic.wording import pick, sentence, wording

WITHOUT_ADMISSION = 0.11
"""Share of the notes that belong to no admission, as in NOTEEVENTS (231,836 rows)."""
ERRORS = 0.0005
POOL = 400  # passages of a category
PASSAGE_WORDS = 45
SPREAD = 0.5  # of the log-normal lengths; untuned

SLOTS = {"year": "2150", "x": "the above", "he": "pt", "He": "Pt", "him": "pt", "his": "the pt's"}
"""Fillers of the slots in passages, which do not belong to a patient."""


@dataclass(frozen=True, slots=True)
class Category:
    """A category of NOTEEVENTS: its rows in the real table, its mean length, the wording it is made of."""

    name: str
    description: str
    rows: int
    characters: int
    """Mean; judged, so that 2,083,180 rows make 3.7 GB."""
    blocks: tuple[str, ...]


WARD = ("nursing", "course.filler", "exam", "lab.line")
IMAGING = ("radiology", "imaging.chest", "imaging.chest.filler", "imaging.head.filler", "imaging.abdomen.filler")
DOCTORS = ("physician", "story.filler", "course.filler", "exam", "lab.line", "micro", "imaging.chest.filler")
# Some categories end in a blank in the real table.
CATEGORIES = (
    Category("Nursing/other", "Report", 822_497, 1_000, WARD),
    Category("Radiology", "CHEST (PORTABLE AP)", 522_279, 1_600, IMAGING),
    Category("Nursing", "Nursing Progress Note", 223_556, 1_850, WARD),
    Category("ECG", "Report", 209_051, 200, ("ecg",)),
    Category("Physician ", "Physician Resident Progress Note", 141_624, 5_300, DOCTORS),
    Category("Echo", "Report", 45_794, 2_300, ("imaging.heart", "imaging.heart.filler")),
    Category("Respiratory ", "Respiratory Care Shift Note", 31_739, 900, WARD),
    Category("Nutrition", "Clinical Nutrition Note", 9_418, 1_700, WARD),
    Category("General", "Generic Note", 8_301, 1_200, DOCTORS),
    Category("Rehab Services", "Bedside Swallowing Evaluation", 5_431, 2_200, WARD),
    Category("Social Work", "Social Work Progress Note", 2_670, 1_500, ("social", "course.filler")),
    Category("Case Management ", "Case Management Initial Assessment", 967, 1_100, ("social", "disposition")),
)


class BulkNotes:
    """Rows of NOTEEVENTS without ROW_ID for the stays of a block; the pools are the same for one seed."""

    def __init__(self, seed: int) -> None:
        self._cumulative = list(accumulate(category.rows for category in CATEGORIES))
        self._pools = {
            category.name: _pool(category, Random(f"{seed}:pool:{category.name}")) for category in CATEGORIES
        }

    def row(self, subject_id: int, admission: Admission, rng: Random) -> Row:
        """One note written within the stay, or, for some, tied to the patient only."""
        (category,) = rng.choices(CATEGORIES, cum_weights=self._cumulative)
        pool, passages = self._pools[category.name]
        number = max(1, round(passages * rng.lognormvariate(-SPREAD * SPREAD / 2, SPREAD)))
        moment = admission.admitted + (admission.discharged - admission.admitted) * rng.random()
        hadm_id: int | None = admission.hadm_id
        if rng.random() < WITHOUT_ADMISSION:
            hadm_id, moment = None, moment - timedelta(days=1 + rng.random() * 300)
        caregiver = 14_000 + int(rng.random() * 7_000) if rng.random() < 0.6 else None
        error = "1" if rng.random() < ERRORS else None
        header = f"[**{moment.year}-{moment.month}-{moment.day}**] {moment.hour}:{moment.minute:02d}\n"
        text = header + "\n".join(rng.choices(pool, k=number)) + "\n"
        when = note_times(moment, category.name)
        return (subject_id, hadm_id, *when, category.name, category.description, caregiver, error, text)


def _pool(category: Category, rng: Random) -> tuple[list[str], float]:
    """Passages, and how many of them make a note of the category's mean length."""
    pool = [_passage(category, rng) for _ in range(POOL)]
    mean = sum(map(len, pool)) / len(pool) + 1
    return pool, category.characters / mean


def _passage(category: Category, rng: Random) -> str:
    words = PASSAGE_WORDS if category.characters > 500 else 8
    lines: list[str] = []
    while sum(len(line.split()) for line in lines) < words:
        lines.append(sentence(pick(wording()[pick(category.blocks, rng)], rng).render(rng)))
    text = " ".join(lines)
    for slot, said in SLOTS.items():
        text = text.replace(f"<{slot}>", said)
    return textwrap.fill(text, 78)
