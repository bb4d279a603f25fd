"""Where SD wins, ties and loses: paired differences, Holm-corrected over all that are tested together."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.bootstrap import Estimate
from training.study.cell import Setting
from training.study.results import Results

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Verdict:
    """One difference, with its corrected p."""

    ours: Setting
    theirs: Setting
    figure: str
    difference: Estimate
    corrected: float

    @property
    def word(self) -> str:
        """wins, ties or loses, at a corrected p below SIGNIFICANT."""
        if self.corrected >= SIGNIFICANT:
            return "ties"
        return "wins" if self.difference.value > 0 else "loses"


def verdicts(results: Results, pairs: Sequence[tuple[Setting, Setting]], figure: str) -> list[Verdict]:
    """Verdicts of one figure over the pairs, which are one family of tests; undefined ones are left out."""
    found = [(ours, theirs, results.difference(ours, theirs, figure)) for ours, theirs in pairs]
    tested = [(ours, theirs, difference) for ours, theirs, difference in found if difference is not None]
    corrected = holm([difference.p for _, _, difference in tested])
    return [
        Verdict(ours, theirs, figure, difference, p)
        for (ours, theirs, difference), p in zip(tested, corrected, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for the number of tests (Holm 1979, step-down), in their own order."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected
