"""Weighted draws of catalogue entries that go together in one patient."""

from bisect import bisect
from collections.abc import Iterable
from itertools import accumulate
from random import Random

from training.synthetic.catalogue import Catalogue, Entry

ATTEMPTS = 12  # a draw that finds nothing allowed in so many attempts adds nothing
LEAST_WEIGHT = 8.0  # a lighter group has too few diagnoses of a kind to draw from: the background stands in
STEEPNESS = 1.5
"""Exponent on the weights, the one share that was set by measuring: at 1 the label prior had a MAP of 0.15
and TF-IDF neighbours 0.21 (1,200 admissions, seed 1), at 1.5 they have 0.27 and 0.32. No trained model was
looked at.
"""


class Urn:
    """Entries that are drawn by weight, in the logarithm of their number."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self._cumulative = list(accumulate(entry.weight**STEEPNESS for entry in self.entries))

    def draw(self, rng: Random) -> Entry:
        return self.entries[bisect(self._cumulative, rng.random() * self._cumulative[-1])]


class Draws:
    """The urns of a catalogue: each group's acute and chronic diagnoses, the background, external causes."""

    def __init__(self, catalogue: Catalogue) -> None:
        adult = [entry for entry in catalogue.diagnoses if not entry.newborn]
        self._by_code = catalogue.by_code
        self._procedures = catalogue.procedures
        self._urns: dict[tuple[str, bool], Urn] = {}
        for chronic in (False, True):
            background = [entry for entry in adult if entry.chronic == chronic and entry.kind != "cause"]
            self._urns["background", chronic] = Urn(background)
            for group in catalogue.groups:
                members = [entry for entry in catalogue.diagnoses if entry.group == group]
                fitting = [entry for entry in members if entry.chronic == chronic or entry.newborn]
                heavy = sum(entry.weight for entry in fitting) >= LEAST_WEIGHT
                self._urns[group, chronic] = Urn(fitting if heavy else background)
        trauma = [entry for entry in adult if entry.group == "trauma"]
        self.external_causes = Urn(entry for entry in trauma if entry.kind == "cause")
        told = [entry for entry in catalogue.entries if "n" not in entry.flags]
        self.distractors = {
            group: Urn(entry for entry in told if entry.group == group and entry.kind == "condition")
            for group in catalogue.groups
        }
        self.distractors["background"] = Urn(entry for entry in told if entry.kind == "condition" and not entry.newborn)
        self.distractors["procedure"] = Urn(entry for entry in told if entry.kind == "procedure")

    def diagnoses(self, source: str, chronic: bool) -> Urn:
        """The urn of a group or of ``background``."""
        return self._urns[source, chronic]

    def allowed(self, present: list[Entry], entry: Entry, sex: str) -> bool:
        """Whether a patient with ``present`` can have the entry too."""
        if not entry.fits(sex) or entry in present:
            return False
        return entry.exclusive is None or all(other.exclusive != entry.exclusive for other in present)

    def add(self, present: list[Entry], urn: Urn, sex: str, rng: Random, into: list[Entry] | None = None) -> None:
        """Draw an entry that goes with ``present`` and append it there, or to ``into``."""
        for _ in range(ATTEMPTS):
            entry = urn.draw(rng)
            if self.allowed(present, entry, sex):
                (present if into is None else into).append(entry)
                return

    def add_companions(self, present: list[Entry], sex: str, rng: Random) -> None:
        """Append what the present diagnoses bring along (severe sepsis: septic shock at times)."""
        for entry in tuple(present):
            for code, chance in entry.companions:
                companion = self._by_code[code]
                if rng.random() < chance and self.allowed(present, companion, sex):
                    present.append(companion)

    def procedures(self, diagnoses: list[Entry], sex: str, rng: Random) -> list[Entry]:
        """Procedures that follow from the diagnoses, and now and then one that does not."""
        codes = {entry.code for entry in diagnoses}
        adult = not any(entry.newborn for entry in diagnoses)
        chosen: list[Entry] = []
        for entry in self._procedures:
            chance = max((chance for code, chance in entry.causes if code in codes), default=0.0)
            if adult and entry.code.code != "64.0":
                chance += entry.weight * 0.004  # the unexplained rest, about a seventh of all procedures
            if rng.random() < chance and entry.fits(sex):
                chosen.append(entry)
        return chosen
