"""Finished runs of a study by setting: estimates, paired differences, and which lambda was chosen."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from training.evaluation.bootstrap import Estimate, SeedResampling
from training.study.cell import Cell, Setting
from training.study.ledger import Ledger, Run
from training.study.measures import parts
from training.study.study_losses import BCE, NAMES

CHOSEN_BY = "tuning_micro_f1"
DEFAULT_TEMPERATURE = 0.07


class Results:
    """What the report asks of the runs."""

    def __init__(self, ledger: Ledger, resamples: int) -> None:
        self.identity = ledger.identity
        by_setting: dict[Setting, dict[int, Run]] = defaultdict(dict)
        for cell, run in sorted(ledger.runs.items(), key=lambda item: item[0].key):
            by_setting[cell.setting][cell.seed] = run
        self.runs = dict(by_setting)
        documents = len(next(iter(ledger.runs.values())).documents()["ap"])
        self._resampling = SeedResampling(documents, resamples)
        self._read: dict[Cell, dict[str, np.ndarray]] = {}

    @property
    def own_losses(self) -> tuple[str, ...]:
        """The losses of one's own, in alphabetical order."""
        return tuple(sorted({one.loss for one in self.runs} - set(NAMES)))

    def settings(self, losses: Iterable[str]) -> list[Setting]:
        """Settings of the losses that were run jointly with an embedding of the mean, in a fixed order."""
        wanted = list(losses)
        found = [one for one in self.runs if one.loss in wanted and one == one.twin]
        return sorted(found, key=lambda one: (wanted.index(one.loss), one.scale, one.temperature, one.weight))

    def variants(self) -> list[Setting]:
        """The other settings: two stages, or an embedding that reads the codes."""
        return sorted((one for one in self.runs if one != one.twin), key=lambda one: one.name)

    def chosen(self, loss: str) -> Setting | None:
        """The plain setting at DEFAULT_TEMPERATURE with the best mean micro-F1 on the tuning part; of equals the lower
        lambda; None where there is none."""
        if loss == BCE:
            return next(iter(self.settings([BCE])), None)
        found = [
            one for one in self.settings([loss]) if one.scale == "plain" and one.temperature == DEFAULT_TEMPERATURE
        ]
        return max(found, key=lambda one: (self.seed_mean(one, CHOSEN_BY), -one.weight), default=None)

    def seeds(self, setting: Setting) -> list[int]:
        return sorted(self.runs[setting])

    def seed_values(self, setting: Setting, figure: str) -> list[float]:
        """The figure of each seed where it is defined."""
        values = (self.runs[setting][seed].figures.get(figure) for seed in self.seeds(setting))
        return [value for value in values if value is not None]

    def seed_mean(self, setting: Setting, figure: str) -> float:
        """Mean over seeds, NaN where it is not defined."""
        values = self.seed_values(setting, figure)
        return float(np.mean(values)) if values else float("nan")

    def line_mean(self, setting: Setting, name: str) -> float | None:
        """Mean over seeds of a number of the run's line, such as its seconds a step."""
        values = [value for run in self.runs[setting].values() if (value := run.line.get(name)) is not None]
        return float(np.mean(values)) if values else None

    def estimate(self, setting: Setting, figure: str) -> Estimate | None:
        """Mean over seeds with its interval over documents and seeds; None where the figure is not defined."""
        stacked = self._stacked(setting, figure, self.seeds(setting))
        return None if stacked is None else self._resampling.mean(*stacked)

    def difference(self, ours: Setting, theirs: Setting, figure: str) -> Estimate | None:
        """Ours minus theirs on the seeds that both have; None where there is none, or the figure is not defined."""
        seeds = sorted(self.runs[ours].keys() & self.runs[theirs].keys())
        left, right = self._stacked(ours, figure, seeds), self._stacked(theirs, figure, seeds)
        if left is None or right is None:
            return None
        return self._resampling.difference(*left, *right)

    def _documents(self, run: Run) -> dict[str, np.ndarray]:
        if run.cell not in self._read:
            self._read[run.cell] = run.documents()
        return self._read[run.cell]

    def _stacked(self, setting: Setting, figure: str, seeds: list[int]) -> tuple[np.ndarray, np.ndarray] | None:
        found = [parts(self._documents(self.runs[setting][seed]), figure) for seed in seeds]
        pairs = [pair for pair in found if pair is not None]
        if not pairs or len(pairs) != len(seeds):
            return None
        return np.stack([part for part, _ in pairs]), np.stack([whole for _, whole in pairs])
