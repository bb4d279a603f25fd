"""The tables of MIMIC-III v1.4 as PhysioNet ships them, filled with fictional admissions."""

from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from random import Random

from model.icd import ICD9CM, ICD9PCS
from training.prepare.icd_titles import icd9_titles
from training.synthetic.catalogue import catalogue
from training.synthetic.csv_file import RowWriter, csv_file
from training.synthetic.draws import Draws
from training.synthetic.patient_rows import Row, patient_rows, undotted
from training.synthetic.patients import Patient, patients

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


def write_tables(
    folder: Path, admissions: int, seed: int, advance: Callable[[int], object], plain: bool = False
) -> None:
    """Write the seven tables into ``folder``, patient by patient.

    Args:
        advance: called with the number of admissions just written.
        plain: .csv instead of .csv.gz.
    """
    with ExitStack() as stack:
        tables = {
            name: stack.enter_context(csv_file(folder, name, columns, plain)) for name, columns in COLUMNS.items()
        }
        write_titles(tables)
        writer = _Writer(tables, seed)
        for patient in patients(catalogue(), admissions, seed):
            writer.write(patient)
            advance(len(patient.admissions))
        writer.finish()


def write_titles(tables: dict[str, RowWriter]) -> None:
    """Fill both D_ICD tables with the whole of ICD-9-CM."""
    rows = {ICD9CM: count(1), ICD9PCS: count(1)}
    names = {ICD9CM: "D_ICD_DIAGNOSES", ICD9PCS: "D_ICD_PROCEDURES"}
    for code, title in icd9_titles().items():
        row = next(rows[code.system])
        tables[names[code.system]].writerow((row, undotted(code.code), title.short, title.long))


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
        for table, values in patient_rows(self._draws, patient, self._seed):
            row = (next(self._rows[table]), *values)
            if table == "NOTEEVENTS":
                self._hold(row)
            else:
                self._tables[table].writerow(row)

    def finish(self) -> None:
        """Write the notes still held."""
        self._order.shuffle(self._held)
        for note in self._held:
            self._tables["NOTEEVENTS"].writerow(note)
        self._held.clear()

    def _hold(self, note: Row) -> None:
        """Hold a note back, and write another that was held when there are enough."""
        self._held.append(note)
        if len(self._held) > SHUFFLED_NOTES:
            place = int(self._order.random() * len(self._held))
            self._held[place], self._held[-1] = self._held[-1], self._held[place]
            self._tables["NOTEEVENTS"].writerow(self._held.pop())
