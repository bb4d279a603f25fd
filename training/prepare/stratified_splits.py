"""A split by patient that gives every code its share of each split: iterative stratification over patients.

Sechidis, Tsoumakas and Vlahavas 2011, "On the stratification of multi-label data", algorithm 1, with a patient's
documents kept together (the unit is the patient, as Edin et al. 2023 did). The package iterative-stratification
holds a dense (patients, codes) matrix and scans it once a code, hours at MIMIC's size; this walks the assignments
once, with a heap for "the rarest code left".
"""

import heapq
import random
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

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
    patients: dict[str, Counter[Hashable]] = {}
    sizes: Counter[str] = Counter()
    for subject, codes in documents:
        patients.setdefault(subject, Counter()).update(codes)
        sizes[subject] += 1
    subjects = sorted(patients)
    random.Random(seed).shuffle(subjects)
    shares = (1 - dev_share - test_share, dev_share, test_share)
    chosen = _Stratification([patients[name] for name in subjects], [sizes[name] for name in subjects], shares).run()
    _fill_empty(chosen, shares)
    return {subject: SPLITS[split] for subject, split in zip(subjects, chosen, strict=True)}


class _Stratification:
    """Patients by their place in a shuffled list, which is also how ties are broken."""

    def __init__(self, codes: Sequence[Mapping[Hashable, int]], sizes: Sequence[int], shares: Shares) -> None:
        self._codes, self._sizes = codes, sizes
        self._having: dict[Hashable, list[int]] = {}
        totals: Counter[Hashable] = Counter()
        for patient, counts in enumerate(codes):
            totals.update(counts)
            for code in counts:
                self._having.setdefault(code, []).append(patient)
        self._left = {code: len(having) for code, having in self._having.items()}
        self._wanted = [share * sum(sizes) for share in shares]  # documents that each split still lacks
        self._wanted_of = {code: [share * total for share in shares] for code, total in totals.items()}
        self._split = [-1] * len(codes)

    def run(self) -> list[int]:
        # Ties between codes go by their first patient, so that no order of the input shows.
        place = {code: (having[0], str(code)) for code, having in self._having.items()}
        heap = [(left, place[code], code) for code, left in self._left.items()]
        heapq.heapify(heap)
        while heap:
            left, _, code = heapq.heappop(heap)
            if left != self._left[code]:
                if self._left[code]:
                    heapq.heappush(heap, (self._left[code], place[code], code))
                continue
            for patient in self._having[code]:
                if self._split[patient] < 0:
                    self._assign(patient, self._wanted_of[code])
        for patient, split in enumerate(self._split):
            if split < 0:  # documents without codes
                self._assign(patient, self._wanted)
        return self._split

    def _assign(self, patient: int, wanted: Sequence[float]) -> None:
        """To the split that lacks most of the code; ties by the documents it lacks, then train before the rest."""
        split = max(range(len(SPLITS)), key=lambda one: (wanted[one], self._wanted[one], -one))
        self._split[patient] = split
        self._wanted[split] -= self._sizes[patient]
        for code, count in self._codes[patient].items():
            self._left[code] -= 1
            self._wanted_of[code][split] -= count


def _fill_empty(chosen: list[int], shares: Shares) -> None:
    """Give a split that should not be empty the last patient of the largest one."""
    if len(chosen) < 3:
        return
    for split, share in enumerate(shares):
        if share > 0 and split not in chosen:
            largest = Counter(chosen).most_common(1)[0][0]
            chosen[len(chosen) - 1 - chosen[::-1].index(largest)] = split
