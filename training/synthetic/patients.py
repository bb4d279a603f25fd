"""Fictional patients and their admissions, with coded and uncoded conditions.

An admission has a leading comorbidity group. Diagnoses are drawn from that group, from related groups and
from the background of everyone, each by the Zipf-like weights of the catalogue, so that codes co-occur and
do not give each other away; chronic ones belong to the patient and come back in later admissions. The shares
here are judgement, untuned.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from training.synthetic.catalogue import Catalogue, Entry
from training.synthetic.draws import Draws

GROUP_SHARES = {
    "cardiac": 20,
    "sepsis": 13,
    "pulmonary": 13,
    "neuro": 11,
    "renal": 10,
    "gi_blood": 9,
    "trauma": 8,
    "diabetic": 7,
    "oncology": 7,
    "liver": 6,
    "psych": 6,
}
RELATED = {
    "cardiac": ("diabetic", "renal", "pulmonary"),
    "sepsis": ("pulmonary", "renal", "gi_blood"),
    "pulmonary": ("cardiac", "sepsis", "psych"),
    "neuro": ("cardiac", "psych", "trauma"),
    "renal": ("diabetic", "cardiac", "sepsis"),
    "gi_blood": ("liver", "cardiac", "oncology"),
    "trauma": ("neuro", "psych", "gi_blood"),
    "diabetic": ("renal", "cardiac", "sepsis"),
    "oncology": ("pulmonary", "gi_blood", "sepsis"),
    "liver": ("gi_blood", "psych", "renal"),
    "psych": ("neuro", "trauma", "liver"),
    "newborn": ("newborn",),
}
NEWBORN_SHARE = 0.06
RECODED_SHARE = 0.88  # of a patient's chronic codes, in any one admission
UNLISTED_SHARE = 0.08  # conditions told in the note and never coded, relative to the coded ones
UNCODED_ADMISSIONS = 0.015
WITHOUT_SUMMARY = 0.04


@dataclass(frozen=True, slots=True)
class Admission:
    """A stay in hospital: ``diagnoses`` and ``procedures`` are coded, ``unlisted`` is true and was not."""

    hadm_id: int
    admitted: datetime
    discharged: datetime
    died: bool
    group: str
    diagnoses: tuple[Entry, ...]
    procedures: tuple[Entry, ...]
    unlisted: tuple[Entry, ...]
    coded: bool
    has_summary: bool


@dataclass(frozen=True, slots=True)
class Patient:
    """A fictional person; ``sex`` is M or F, ``age`` in years at the first admission."""

    subject_id: int
    sex: str
    born: datetime
    age: int
    group: str
    chronic: tuple[Entry, ...]
    admissions: list[Admission] = field(default_factory=list)

    @property
    def died(self) -> datetime | None:
        last = self.admissions[-1]
        return last.discharged if last.died else None


def patients(catalogue: Catalogue, admissions: int, seed: int, first: int = 0) -> Iterator[Patient]:
    """Patients, one after the other, with ``admissions`` admissions together; the same for the same seed.

    Args:
        first: number of the first admission: ranges of numbers that do not overlap give other people.
    """
    draws = Draws(catalogue)
    made = first
    while made < first + admissions:
        rng = Random(f"{seed}:patient:{made}")
        patient = _patient(draws, 17 + 2 * made + int(rng.random() * 2), rng)
        stays = min(_number_of_stays(patient, rng), first + admissions - made)
        admitted = patient.born + timedelta(days=patient.age * 365.25, hours=1)
        for stay in range(stays):
            admission = _admission(draws, patient, _hadm_id(made + stay, seed), admitted, rng)
            patient.admissions.append(admission)
            if admission.died:
                break
            admitted = admission.discharged + timedelta(days=9 + rng.random() * 500, minutes=rng.random() * 900)
        made += len(patient.admissions)
        yield patient


def _hadm_id(number: int, seed: int) -> int:
    """Distinct for distinct numbers, and in no order of time: 37,003 and 100,000 have no common divisor."""
    block, place = divmod(number, 100_000)
    return 100_000 * (block + 1) + (place * 37_003 + seed * 7_919) % 100_000


def _moment(year: int, rng: Random) -> datetime:
    return datetime(year, 1, 1) + timedelta(days=int(rng.random() * 365), minutes=int(rng.random() * 1440))


def _patient(draws: Draws, subject_id: int, rng: Random) -> Patient:
    sex = "M" if rng.random() < 0.55 else "F"
    if rng.random() < NEWBORN_SHARE:
        return Patient(subject_id, sex, _moment(2101 + int(rng.random() * 95), rng), 0, "newborn", ())
    group = rng.choices(list(GROUP_SHARES), list(GROUP_SHARES.values()))[0]
    age = int(min(94, max(18, rng.gauss(45 if group in ("trauma", "psych") else 66, 15))))
    chronic: list[Entry] = []
    _fill(draws, chronic, 3 + int(rng.random() * 6), group, sex, True, rng)
    born = _moment(2101 - age + int(rng.random() * 85), rng)
    return Patient(subject_id, sex, born, age, group, tuple(chronic))


def _number_of_stays(patient: Patient, rng: Random) -> int:
    if patient.group == "newborn":
        return 1
    return rng.choices((1, 2, 3, 4, 6), (70, 17, 7, 4, 2))[0]


def _admission(draws: Draws, patient: Patient, hadm_id: int, admitted: datetime, rng: Random) -> Admission:
    newborn = patient.group == "newborn"
    group = patient.group
    if not newborn and rng.random() < 0.3:
        group = RELATED[group][int(rng.random() * 3)]
    diagnoses: list[Entry] = []
    if group == "trauma":
        draws.add(diagnoses, draws.external_causes, patient.sex, rng)
    _fill(draws, diagnoses, 2 + int(rng.random() * 6), group, patient.sex, False, rng)
    for entry in patient.chronic:
        if rng.random() < RECODED_SHARE and draws.allowed(diagnoses, entry, patient.sex):
            diagnoses.append(entry)
    draws.add_companions(diagnoses, patient.sex, rng)
    procedures = draws.procedures(diagnoses, patient.sex, rng)
    unlisted: list[Entry] = []
    for _ in range(sum(rng.random() < UNLISTED_SHARE for _ in diagnoses + procedures)):
        _fill(draws, diagnoses + unlisted, 1, group, patient.sex, rng.random() < 0.5, rng, into=unlisted)
    days = min(60.0, 1.0 + rng.lognormvariate(1.6, 0.7))
    return Admission(
        hadm_id=hadm_id,
        admitted=admitted.replace(microsecond=0),
        discharged=(admitted + timedelta(days=days)).replace(second=0, microsecond=0),
        died=rng.random() < (0.01 if newborn else 0.09),
        group=group,
        diagnoses=tuple(diagnoses),
        procedures=tuple(procedures),
        unlisted=tuple(unlisted),
        coded=rng.random() >= UNCODED_ADMISSIONS,
        has_summary=rng.random() >= WITHOUT_SUMMARY,
    )


def _fill(
    draws: Draws,
    present: list[Entry],
    count: int,
    group: str,
    sex: str,
    chronic: bool,
    rng: Random,
    into: list[Entry] | None = None,
) -> None:
    """Add ``count`` diagnoses: acute ones half from the group and a sixth from related groups, chronic ones a
    quarter and a tenth; the rest from the background.
    """
    own, related = (0.25, 0.35) if chronic else (0.5, 0.66)
    for _ in range(count):
        chance = rng.random()
        source = group if chance < own else RELATED[group][int(rng.random() * len(RELATED[group]))]
        if chance >= related and group != "newborn":
            source = "background"
        draws.add(present, draws.diagnoses(source, chronic), sex, rng, into)
