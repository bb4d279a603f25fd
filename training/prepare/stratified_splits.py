"""A split by patient that gives every code its share of each split: iterative stratification over patients.

Sechidis, Tsoumakas and Vlahavas 2011, "On the stratification of multi-label data", algorithm 1, with a patient's
documents kept together (the unit is the patient, as Edin et al. 2023 did). The package iterative-stratification
holds a dense (patients, codes) matrix and scans it once a code, hours at MIMIC's size; this walks the assignments
once, with a heap for "the rarest code left".
"""

import heapq
import random
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from model.labels import SPLITS

Shares = tuple[float, float, float]


def stratified_splits(
    documents: Iterable[tuple[str, Sequence[Hashable]]], seed: int, dev_share: float, test_share: float
) -> dict[str, str]:
    """Split of every patient.

    Args:
        documents: (subject, codes) of each document; a subject may come many times.
        dev_share, test_share: shares of the documents.

    The seed and the set of documents decide, their order does not. A share above zero gets at least one patient
    when there are three or more.
    """
    patients: dict[str, dict[int, int]] = {}
    sizes: Counter[str] = Counter()
    numbers: dict[Hashable, int] = {}
    for subject, codes in documents:
        counts = patients.setdefault(subject, {})
        for code in codes:
            number = numbers.setdefault(code, len(numbers))
            counts[number] = counts.get(number, 0) + 1
        sizes[subject] += 1
    subjects = sorted(patients)
    random.Random(seed).shuffle(subjects)
    shares = (1 - dev_share - test_share, dev_share, test_share)
    places = [str(code) for code in numbers]
    counted = [patients[subject] for subject in subjects]
    chosen = _Stratification(counted, places, [sizes[subject] for subject in subjects], shares).run()
    _fill_empty(chosen, shares)
    return {subject: SPLITS[split] for subject, split in zip(subjects, chosen, strict=True)}


class _Stratification:
    """Patients by their place in a shuffled list, which is also how ties are broken; codes by number."""

    def __init__(
        self, counted: Sequence[dict[int, int]], names: Sequence[str], sizes: Sequence[int], shares: Shares
    ) -> None:
        self._counted, self._names, self._sizes = counted, names, sizes
        self._having: list[list[int]] = [[] for _ in names]
        totals = [0] * len(names)
        for patient, counts in enumerate(counted):
            for code, count in counts.items():
                totals[code] += count
                self._having[code].append(patient)
        self._left = [len(having) for having in self._having]
        self._wanted = [share * sum(sizes) for share in shares]  # documents that each split still lacks
        self._wanted_of = [[share * total for total in totals] for share in shares]  # the same of each code
        self._split = [-1] * len(counted)

    def run(self) -> list[int]:
        # Ties between codes go by their first patient and their name: no order of the input shows.
        heap = [(left, self._having[code][0], self._names[code], code) for code, left in enumerate(self._left)]
        heapq.heapify(heap)
        while heap:
            left, first, name, code = heapq.heappop(heap)
            if left != self._left[code]:
                if self._left[code]:
                    heapq.heappush(heap, (self._left[code], first, name, code))
                continue
            for patient in self._having[code]:
                if self._split[patient] < 0:
                    self._assign(patient, [wanted[code] for wanted in self._wanted_of])
        for patient, split in enumerate(self._split):
            if split < 0:  # documents without codes
                self._assign(patient, self._wanted)
        return self._split

    def _assign(self, patient: int, wanted: Sequence[float]) -> None:
        """To the split that lacks most of the code; ties by the documents it lacks, then train before the rest."""
        split = max(range(len(SPLITS)), key=lambda one: (wanted[one], self._wanted[one], -one))
        self._split[patient] = split
        self._wanted[split] -= self._sizes[patient]
        left, wanted_here = self._left, self._wanted_of[split]
        for code, count in self._counted[patient].items():
            left[code] -= 1
            wanted_here[code] -= count


def _fill_empty(chosen: list[int], shares: Shares) -> None:
    """Give a split that should not be empty the last patient of the largest one."""
    if len(chosen) < 3:
        return
    for split, share in enumerate(shares):
        if share > 0 and split not in chosen:
            largest = Counter(chosen).most_common(1)[0][0]
            chosen[len(chosen) - 1 - chosen[::-1].index(largest)] = split
