"""The long tail of codes of a full-size corpus: assigned at random and mentioned in no note.

The lexicon has a few hundred frequent codes, MIMIC-III 8,929. These rows give the tables the size and the label space
of the real ones. A model cannot learn these codes.
"""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from model.icd import ICD9CM, ICD9PCS, Code
from training.prepare.icd_titles import icd9_titles

CODES = {ICD9CM: 6_918, ICD9PCS: 2_011}
"""Codes of each system in MIMIC-III, those of the lexicon among them."""
BANDS = ((420, 101, 500), (510, 51, 100), (1_820, 11, 50), (5_800, 1, 10))
"""Number of codes with their lowest and highest number of admissions, after the published training frequencies."""
PER_ADMISSION = {ICD9CM: 2.75, ICD9PCS: 2.27}
"""Mean number of codes added, which makes about 651,000 rows of diagnoses and 240,000 of procedures."""


class Tail:
    """Codes outside the lexicon with frequencies of MIMIC-III's bands; the same for every seed."""

    def __init__(self, lexicon: Sequence[Code]) -> None:
        self._urns = {system: _urn(system, frozenset(lexicon)) for system in CODES}

    def of(self, system: str) -> tuple[list[str], list[float]]:
        """Dotted codes of a system with their cumulative weights."""
        return self._urns[system]

    def draw(self, system: str, rng: Random) -> list[str]:
        """Dotted codes for one admission, distinct, in the order drawn."""
        codes, cumulative = self._urns[system]
        mean = PER_ADMISSION[system]
        number = int(rng.random() * (2 * mean + 1))
        drawn = (codes[bisect(cumulative, rng.random() * cumulative[-1])] for _ in range(number))
        return list(dict.fromkeys(drawn))


def _urn(system: str, lexicon: frozenset[Code]) -> tuple[list[str], list[float]]:
    known = sum(code.system == system for code in lexicon)
    codes = [code.code for code in icd9_titles() if code.system == system and code not in lexicon]
    rng = Random(f"tail:{system}")
    rng.shuffle(codes)
    codes = codes[: CODES[system] - known]
    share = len(codes) / sum(number for number, _, _ in BANDS)
    weights: list[float] = []
    for number, low, high in BANDS:
        weights += [low * (high / low) ** rng.random() for _ in range(round(number * share))]
    weights = (weights + [1.0] * len(codes))[: len(codes)]
    return codes, list(accumulate(weights))
