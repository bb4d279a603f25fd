"""The code set."""

from random import Random

import pytest

from model.errors import MalformedInput
from model.icd import ICD9CM, Code
from training.synthetic import catalogue as module
from training.synthetic.catalogue import Entry, catalogue
from training.synthetic.phrasing import is_verbatim


def test_the_code_set_has_the_intended_size() -> None:
    """Some four hundred diagnoses and up to eighty procedures, each once."""
    assert 250 <= len(catalogue().diagnoses) <= 430
    assert 40 <= len(catalogue().procedures) <= 80
    assert len(catalogue().by_code) == len(catalogue().entries)


@pytest.mark.parametrize("code", ["008.45", "038.9", "00.66", "01.24", "03.31", "E888.9", "V58.61"])
def test_codes_that_are_easily_damaged_are_in_it(code: str) -> None:
    """Leading zeros in both systems, E and V codes."""
    assert code in {entry.code.code for entry in catalogue().entries}


def _other_names(entry: Entry) -> list[str]:
    said = {form.render(Random(0)) for form in entry.names + entry.title_names}
    return [form for form in said if not is_verbatim(form, entry.title)]


def test_every_code_can_be_said_in_two_ways_that_are_not_its_title() -> None:
    """No code depends on its title being copied."""
    assert [entry.code.code for entry in catalogue().entries if len(_other_names(entry)) < 2] == []


def test_at_least_150_codes_have_handwritten_names() -> None:
    """Three names or more each."""
    assert sum(len(entry.names) >= 3 for entry in catalogue().entries) >= 150


def test_frequencies_have_a_head_and_a_long_tail() -> None:
    """The heaviest code weighs a hundred times the lightest ones."""
    weights = sorted(entry.weight for entry in catalogue().diagnoses)
    assert weights[-1] > 100 * weights[10]


def test_a_code_that_does_not_exist_is_refused() -> None:
    """A slip in a lexicon file is found when it is read."""
    with pytest.raises(MalformedInput, match=r"999\.999"):
        list(module._entries(["[cardiac]", "999.999 1 c"], "cardiac.txt"))


def test_flags_and_links_are_read() -> None:
    """Chronic, exclusive and a companion."""
    (entry,) = module._entries(["[renal]", "585.6 5 c x:ckd +V45.11:.7", "= ESRD; end stage"], "renal.txt")
    assert (entry.chronic, entry.exclusive, entry.companions) == (
        True,
        "ckd",
        ((Code(ICD9CM, "V45.11"), 0.7),),
    )
    assert len(entry.names) == 2
