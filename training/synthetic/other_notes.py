"""Notes that preparation must skip: other categories, and notes without an admission."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from training.synthetic.patients import Admission, Patient
from training.synthetic.wording import pick, wording

# Some categories end in a blank in the real table.
CATEGORIES = (
    ("Nursing", "Nursing Progress Note", "nursing"),
    ("Nursing/other", "Report", "nursing"),
    ("Physician ", "Physician Resident Progress Note", "physician"),
    ("Radiology", "CHEST (PORTABLE AP)", "radiology"),
    ("ECG", "Report", "ecg"),
)
STRAY_SHARE = 0.05  # of the patients: a note without admission; untuned
ERROR_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class OtherNote:
    """A note with the columns of NOTEEVENTS that differ; ``hadm_id`` is None outside an admission."""

    hadm_id: int | None
    written: datetime
    category: str
    description: str
    error: bool
    text: str


def notes_of_stay(admission: Admission, rng: Random) -> Iterator[OtherNote]:
    """Up to three notes of other categories within the stay."""
    for _ in range(int(rng.random() * 4)):
        category, description, block = pick(CATEGORIES, rng)
        moment = admission.admitted + (admission.discharged - admission.admitted) * rng.random()
        error = rng.random() < ERROR_SHARE
        yield OtherNote(admission.hadm_id, moment, category, description, error, _text(block, moment, rng))


def stray_notes(patient: Patient, rng: Random) -> Iterator[OtherNote]:
    """Sometimes an outpatient study, or a discharge summary without an admission."""
    if rng.random() >= STRAY_SHARE:
        return
    moment = patient.admissions[0].admitted - timedelta(days=3 + rng.random() * 300)
    category, description, block = pick(
        (
            ("Radiology", "CHEST (PA & LAT)", "radiology"),
            ("ECG", "Report", "ecg"),
            ("Discharge summary", "Report", "addendum"),
        ),
        rng,
    )
    yield OtherNote(None, moment, category, description, False, _text(block, moment, rng))


def _text(block: str, moment: datetime, rng: Random) -> str:
    lines = [pick(wording()[block], rng).render(rng) for _ in range(2 + int(rng.random() * 3))]
    return "\n".join(lines).replace("<year>", str(moment.year)) + "\n"
