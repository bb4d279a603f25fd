"""Patients, their diagnoses and admissions."""

from itertools import pairwise

import pytest

from training.synthetic.catalogue import catalogue
from training.synthetic.patients import Patient, patients


@pytest.fixture(scope="module")
def people() -> list[Patient]:
    return list(patients(catalogue(), 900, 3))


@pytest.mark.parametrize("admissions", [1, 2, 7])
def test_exactly_as_many_admissions_as_asked_for(admissions: int) -> None:
    """The last patient's stays are cut short."""
    assert sum(len(patient.admissions) for patient in patients(catalogue(), admissions, 3)) == admissions


def test_identifiers_are_distinct_and_six_digits(people: list[Patient]) -> None:
    """No admission of two patients."""
    hadm_ids = [admission.hadm_id for patient in people for admission in patient.admissions]
    assert len(set(hadm_ids)) == 900
    assert all(100_000 <= hadm_id < 200_000 for hadm_id in hadm_ids)
    assert len({patient.subject_id for patient in people}) == len(people)


def test_admissions_have_eight_to_sixteen_codes_as_a_rule(people: list[Patient]) -> None:
    """Between the tenth and ninetieth percentile, roughly."""
    sizes = sorted(len(stay.diagnoses) + len(stay.procedures) for patient in people for stay in patient.admissions)
    assert 6 <= sizes[90] <= 9
    assert 13 <= sizes[810] <= 19


def test_chronic_conditions_come_back(people: list[Patient]) -> None:
    """Two stays of a patient share more codes than two stays of two patients."""
    several = [patient for patient in people if len(patient.admissions) > 1]
    assert len(several) > 80

    def shared(one: Patient, other: Patient) -> int:
        return len(set(one.admissions[0].diagnoses) & set(other.admissions[-1].diagnoses))

    same = sum(shared(patient, patient) for patient in several)
    strangers = sum(shared(one, other) for one, other in pairwise(several))
    assert same > 1.5 * strangers


def test_stays_of_a_patient_follow_each_other_in_shifted_years(people: list[Patient]) -> None:
    """After birth, within 2101 to 2199, none after a death."""
    for patient in people:
        for earlier, later in pairwise(patient.admissions):
            assert earlier.discharged < later.admitted
            assert not earlier.died
        assert patient.born <= patient.admissions[0].admitted < patient.admissions[-1].discharged
        assert 2101 <= patient.admissions[0].admitted.year <= patient.admissions[-1].discharged.year <= 2199


def test_what_excludes_each_other_is_not_coded_together(people: list[Patient]) -> None:
    """One kind of diabetes; nothing of the other sex; newborn codes for newborns only."""
    for patient in people:
        for stay in patient.admissions:
            exclusive = [entry.exclusive for entry in stay.diagnoses if entry.exclusive]
            assert len(exclusive) == len(set(exclusive))
            assert all(entry.fits(patient.sex) for entry in stay.diagnoses + stay.procedures)
            assert all(entry.newborn == (patient.group == "newborn") for entry in stay.diagnoses)


def test_procedures_depend_on_diagnoses(people: list[Patient]) -> None:
    """Dialysis is far commoner with end stage renal disease than without."""
    stays = [admission for patient in people for admission in patient.admissions]

    def rate(with_disease: bool) -> float:
        chosen = [s for s in stays if with_disease == any(e.code.code == "585.6" for e in s.diagnoses)]
        return sum(any(e.code.code == "39.95" for e in s.procedures) for s in chosen) / len(chosen)

    assert rate(True) > 5 * rate(False)
