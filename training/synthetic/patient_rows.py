"""The rows of MIMIC-III's tables that one patient fills, in the columns that PhysioNet ships, without ROW_ID."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from training.synthetic.catalogue import Entry
from training.synthetic.draws import Draws
from training.synthetic.note import DEFAULT_SHAPE, NoteShape, discharge_summary
from training.synthetic.other_notes import ERROR_SHARE, notes_of_stay, stray_notes
from training.synthetic.patients import Admission, Patient
from training.synthetic.wording import pick

REPEATED_CODE = 0.04  # of the admissions: one code twice
EMPTY_CODE = 0.02  # of the admissions: a row without a code
Row = tuple[object, ...]


def patient_rows(
    draws: Draws, patient: Patient, seed: int, shape: NoteShape = DEFAULT_SHAPE
) -> Iterator[tuple[str, Row]]:
    """Table and row, in the order of generation; the same for the same patient and seed."""
    rng = Random(f"{seed}:tables:{patient.subject_id}")
    yield "PATIENTS", _patient_row(patient, rng)
    for admission in patient.admissions:
        yield "ADMISSIONS", _admission_row(patient, admission, rng)
        for table, entries in (
            ("DIAGNOSES_ICD", admission.diagnoses),
            ("PROCEDURES_ICD", admission.procedures),
        ):
            for seq_num, code in _code_rows(entries, admission.coded, rng):
                yield table, (patient.subject_id, admission.hadm_id, seq_num, code)
        for note in _notes(draws, patient, admission, shape, rng):
            yield "NOTEEVENTS", note
    for stray in stray_notes(patient, rng):
        when = note_times(stray.written, stray.category)
        note = (*when, stray.category, stray.description, None, None, stray.text)
        yield "NOTEEVENTS", (patient.subject_id, None, *note)


def _notes(draws: Draws, patient: Patient, admission: Admission, shape: NoteShape, rng: Random) -> Iterator[Row]:
    """Rows of NOTEEVENTS; an addendum comes before its report now and then."""
    key = (patient.subject_id, admission.hadm_id)
    if admission.has_summary:
        summary = discharge_summary(draws, patient, admission, rng, shape)
        texts = [("Report", summary.text), *(("Addendum", text) for text in summary.addenda)]
        if rng.random() < 0.3:
            texts.reverse()
        for description, text in texts:
            delay = timedelta(days=0 if description == "Report" else 1 + int(rng.random() * 3))
            day = (admission.discharged + delay).date().isoformat()
            error = "1" if rng.random() < ERROR_SHARE / 4 else None
            yield (*key, day, None, None, "Discharge summary", description, None, error, text)
    for note in notes_of_stay(admission, rng):
        when = note_times(note.written, note.category)
        caregiver = 14_000 + int(rng.random() * 7_000)
        error = "1" if note.error else None
        yield (*key, *when, note.category, note.description, caregiver, error, note.text)


def undotted(code: str) -> str:
    """As the tables write it."""
    return code.replace(".", "")


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(sep=" ", timespec="seconds")


def note_times(moment: datetime, category: str) -> tuple[str, str | None, str | None]:
    """CHARTDATE, CHARTTIME and STORETIME: discharge summaries and ECGs have no time of day."""
    timed = category not in ("Discharge summary", "ECG")
    return (
        moment.date().isoformat(),
        _moment(moment) if timed else None,
        _moment(moment + timedelta(minutes=14)) if timed else None,
    )


def _code_rows(entries: tuple[Entry, ...], coded: bool, rng: Random) -> list[tuple[int | None, str | None]]:
    """SEQ_NUM and ICD9_CODE; without codes: no row, or one with both empty, as in the real table."""
    if not coded:
        return [(None, None)] if rng.random() < 0.5 else []
    codes: list[str | None] = [undotted(entry.code.code) for entry in entries]
    if codes and rng.random() < REPEATED_CODE:
        codes.append(pick(codes, rng))
    if rng.random() < EMPTY_CODE:
        codes.append(None)
    return list(enumerate(codes, 1))


def _patient_row(patient: Patient, rng: Random) -> Row:
    """Births of patients over 89 are shifted far back, as in MIMIC-III (ages come out near 300)."""
    born = patient.born - timedelta(days=200 * 365.25) if patient.age > 89 else patient.born
    died = _moment(patient.died)
    registered = died if died and rng.random() < 0.8 else None
    midnight = _moment(born.replace(hour=0, minute=0, second=0, microsecond=0))
    return (patient.subject_id, patient.sex, midnight, died, died, registered, int(died is not None))


def _admission_row(patient: Patient, admission: Admission, rng: Random) -> Row:
    newborn = admission.group == "newborn"
    kind = "NEWBORN" if newborn else pick(["EMERGENCY", "EMERGENCY", "EMERGENCY", "ELECTIVE", "URGENT"], rng)
    emergency = kind == "EMERGENCY"
    arrived = admission.admitted - timedelta(hours=2 + rng.random() * 9) if emergency else None
    came = (
        "EMERGENCY ROOM ADMIT" if emergency else pick(["PHYS REFERRAL/NORMAL DELI", "CLINIC REFERRAL/PREMATURE"], rng)
    )
    left = pick(["HOME", "HOME HEALTH CARE", "SNF", "REHAB/DISTINCT PART HOSP"], rng)
    first = admission.diagnoses[0].title.short.upper() if admission.diagnoses else "UNKNOWN"
    return (
        patient.subject_id,
        admission.hadm_id,
        _moment(admission.admitted),
        _moment(admission.discharged),
        _moment(admission.discharged) if admission.died else None,
        kind,
        came,
        "DEAD/EXPIRED" if admission.died else left,
        pick(["Medicare", "Private", "Medicaid", "Government", "Self Pay"], rng),
        pick([None, "ENGL", "SPAN"], rng),
        pick([None, "UNOBTAINABLE", "NOT SPECIFIED", "OTHER"], rng),
        None if newborn else pick(["MARRIED", "SINGLE", "WIDOWED", "DIVORCED"], rng),
        pick(["UNKNOWN/NOT SPECIFIED", "OTHER", "PATIENT DECLINED TO ANSWER"], rng),
        _moment(arrived),
        _moment(admission.admitted + timedelta(minutes=40)) if emergency else None,
        "NEWBORN" if newborn else first,
        int(admission.died),
        1,
    )
