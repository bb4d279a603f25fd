"""The tables of MIMIC-III v1.4 as PhysioNet ships them, filled with fictional admissions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

from model.icd import ICD9CM, ICD9PCS
from training.prepare.titles import icd9_titles
from training.synthetic.catalogue import Entry, catalogue
from training.synthetic.csv_gz import RowWriter, csv_gz
from training.synthetic.draws import Draws
from training.synthetic.note import discharge_summary
from training.synthetic.other_notes import ERROR_SHARE, notes_of_stay, stray_notes
from training.synthetic.patients import Admission, Patient, patients
from training.synthetic.wording import pick

CODE_COLUMNS = ("ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE")
TITLE_COLUMNS = ("ROW_ID", "ICD9_CODE", "SHORT_TITLE", "LONG_TITLE")
COLUMNS: dict[str, tuple[str, ...]] = {
    "NOTEEVENTS": (
        *("ROW_ID", "SUBJECT_ID", "HADM_ID", "CHARTDATE", "CHARTTIME", "STORETIME"),
        *("CATEGORY", "DESCRIPTION", "CGID", "ISERROR", "TEXT"),
    ),
    "DIAGNOSES_ICD": CODE_COLUMNS,
    "PROCEDURES_ICD": CODE_COLUMNS,
    "D_ICD_DIAGNOSES": TITLE_COLUMNS,
    "D_ICD_PROCEDURES": TITLE_COLUMNS,
    "ADMISSIONS": (
        *("ROW_ID", "SUBJECT_ID", "HADM_ID", "ADMITTIME", "DISCHTIME", "DEATHTIME", "ADMISSION_TYPE"),
        *("ADMISSION_LOCATION", "DISCHARGE_LOCATION", "INSURANCE", "LANGUAGE", "RELIGION", "MARITAL_STATUS"),
        *("ETHNICITY", "EDREGTIME", "EDOUTTIME", "DIAGNOSIS", "HOSPITAL_EXPIRE_FLAG", "HAS_CHARTEVENTS_DATA"),
    ),
    "PATIENTS": ("ROW_ID", "SUBJECT_ID", "GENDER", "DOB", "DOD", "DOD_HOSP", "DOD_SSN", "EXPIRE_FLAG"),
}
SHUFFLED_NOTES = 400  # notes held back to leave the order of admissions; bounds the memory
REPEATED_CODE = 0.04  # of the admissions: one code twice
EMPTY_CODE = 0.02  # of the admissions: a row without a code
Row = tuple[object, ...]


def write_tables(folder: Path, admissions: int, seed: int, advance: Callable[[int], object]) -> None:
    """Write the seven tables as .csv.gz into ``folder``, patient by patient.

    Args:
        advance: called with the number of admissions just written.
    """
    with ExitStack() as stack:
        tables = {
            name: stack.enter_context(csv_gz(folder / f"{name}.csv.gz", columns)) for name, columns in COLUMNS.items()
        }
        _write_titles(tables)
        writer = _Writer(tables, seed)
        for patient in patients(catalogue(), admissions, seed):
            writer.write(patient)
            advance(len(patient.admissions))
        writer.finish()


def _write_titles(tables: dict[str, RowWriter]) -> None:
    rows = {ICD9CM: count(1), ICD9PCS: count(1)}
    names = {ICD9CM: "D_ICD_DIAGNOSES", ICD9PCS: "D_ICD_PROCEDURES"}
    for code, title in icd9_titles().items():
        row = next(rows[code.system])
        tables[names[code.system]].writerow((row, _undotted(code.code), title.short, title.long))


class _Writer:
    """Writes patients, and their notes out of order through a buffer of bounded size."""

    def __init__(self, tables: dict[str, RowWriter], seed: int) -> None:
        self._tables = tables
        self._seed = seed
        self._draws = Draws(catalogue())
        self._rows = {name: count(1) for name in COLUMNS}
        self._order = Random(f"{seed}:order")
        self._held: list[Row] = []

    def write(self, patient: Patient) -> None:
        rng = Random(f"{self._seed}:tables:{patient.subject_id}")
        self._row("PATIENTS", *_patient_row(patient, rng))
        for admission in patient.admissions:
            self._row("ADMISSIONS", *_admission_row(patient, admission, rng))
            for table, entries in (
                ("DIAGNOSES_ICD", admission.diagnoses),
                ("PROCEDURES_ICD", admission.procedures),
            ):
                for seq_num, code in _code_rows(entries, admission.coded, rng):
                    self._row(table, patient.subject_id, admission.hadm_id, seq_num, code)
            for note in self._notes(patient, admission, rng):
                self._hold(note)
        for stray in stray_notes(patient, rng):
            self._hold(
                (
                    patient.subject_id,
                    None,
                    *_when(stray.written, stray.category),
                    stray.category,
                    stray.description,
                    None,
                    None,
                    stray.text,
                )
            )

    def finish(self) -> None:
        """Write the notes still held."""
        self._order.shuffle(self._held)
        for note in self._held:
            self._tables["NOTEEVENTS"].writerow(note)
        self._held.clear()

    def _row(self, table: str, *values: object) -> None:
        self._tables[table].writerow((next(self._rows[table]), *values))

    def _hold(self, note: Row) -> None:
        """Hold a note back, and write another that was held when there are enough."""
        self._held.append((next(self._rows["NOTEEVENTS"]), *note))
        if len(self._held) > SHUFFLED_NOTES:
            place = int(self._order.random() * len(self._held))
            self._held[place], self._held[-1] = self._held[-1], self._held[place]
            self._tables["NOTEEVENTS"].writerow(self._held.pop())

    def _notes(self, patient: Patient, admission: Admission, rng: Random) -> Iterator[Row]:
        """Rows of NOTEEVENTS without their ROW_ID; an addendum comes before its report now and then."""
        key = (patient.subject_id, admission.hadm_id)
        if admission.has_summary:
            summary = discharge_summary(self._draws, patient, admission, rng)
            texts = [("Report", summary.text), *(("Addendum", text) for text in summary.addenda)]
            if rng.random() < 0.3:
                texts.reverse()
            for description, text in texts:
                delay = timedelta(days=0 if description == "Report" else 1 + int(rng.random() * 3))
                day = (admission.discharged + delay).date().isoformat()
                error = "1" if rng.random() < ERROR_SHARE / 4 else None
                yield (*key, day, None, None, "Discharge summary", description, None, error, text)
        for note in notes_of_stay(admission, rng):
            when = _when(note.written, note.category)
            caregiver = 14_000 + int(rng.random() * 7_000)
            error = "1" if note.error else None
            yield (*key, *when, note.category, note.description, caregiver, error, note.text)


def _undotted(code: str) -> str:
    return code.replace(".", "")


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(sep=" ", timespec="seconds")


def _when(moment: datetime, category: str) -> tuple[str, str | None, str | None]:
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
    codes: list[str | None] = [_undotted(entry.code.code) for entry in entries]
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
