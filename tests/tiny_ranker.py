"""A small invented world for rankers: notes whose classifier, lexicon and neighbours each know a part of the truth."""

from dataclasses import dataclass

import numpy as np

from model.candidates import Channel, ChannelFeatures
from model.labels import Label, LabelSpace
from model.ranking.candidate_builder import CandidateBuilder
from model.ranking.neighbour_vote import RankingNeighbour
from model.ranking.ranker import Ranker
from model.text.read_note import ReadNote
from training.ranking.fusion_fit import FittedFusion, ValidationNote, fit_fusion

TRAINED, UNSEEN = 30, 10
CODES = LabelSpace(
    tuple(
        Label("icd10cm", f"A{number:02d}", f"invented disease {number}", 5 * number if number < TRAINED else 0)
        for number in range(TRAINED + UNSEEN)
    )
)


@dataclass(frozen=True)
class WordChannel:
    """Speaks for the code whose number stands in the note as a word, seen in training or not."""

    def channels(self, note: ReadNote) -> list[Channel]:
        text = note.text
        columns = sorted({int(word) for word in text.split() if word.isdecimal() and int(word) < len(CODES)})
        counts = [[float(text.split().count(str(column)))] for column in columns]
        values = np.array(counts, dtype=np.float32).reshape(-1, 1)
        return [Channel("words", ChannelFeatures(np.array(columns, dtype=np.int64), values, ("words.count",)))]


BUILDER = CandidateBuilder(CODES, 200, WordChannel())


@dataclass(frozen=True)
class InventedNote:
    """A note as its channels see it."""

    text: str
    probabilities: np.ndarray
    neighbours: list[RankingNeighbour]
    assigned: np.ndarray


def invented_notes(number: int = 80, seed: int = 0) -> list[InventedNote]:
    """One to five codes a note; the classifier knows the trained ones, words and neighbours most of them."""
    random = np.random.default_rng(seed)
    notes = []
    for _ in range(number):
        assigned = np.sort(random.choice(len(CODES), random.integers(1, 6), replace=False))
        logits = random.normal(-3, 1.2, TRAINED)
        logits[assigned[assigned < TRAINED]] += 3
        said = [str(column) for column in assigned.tolist() if random.random() < 0.7]
        said += [str(column) for column in random.choice(len(CODES), 3).tolist()]
        neighbours = [
            RankingNeighbour(float(similarity), [CODES[int(c)].key for c in _similar(random, assigned)])
            for similarity in np.sort(random.uniform(0.5, 1, 8))[::-1]
        ]
        notes.append(InventedNote(" ".join(said), 1 / (1 + np.exp(-logits)), neighbours, assigned))
    return notes


def judged_notes(notes: list[InventedNote], neighbours: bool) -> list[ValidationNote]:
    """The notes as a fit takes them; two notes a patient."""
    return [
        ValidationNote(
            BUILDER.candidates(ReadNote(note.text), note.probabilities, note.neighbours if neighbours else None),
            note.assigned,
            0,
            f"p{index // 2}",
        )
        for index, note in enumerate(notes)
    ]


def fitted_fusions(notes: list[InventedNote]) -> tuple[FittedFusion, FittedFusion]:
    """Without neighbours, and with them."""
    return fit_fusion(judged_notes(notes, False)), fit_fusion(judged_notes(notes, True))


def tiny_ranker(number: int = 80) -> Ranker:
    """A fitted ranker over CODES with a word channel."""
    without, with_neighbours = fitted_fusions(invented_notes(number))
    return Ranker(BUILDER, without.fusion, with_neighbours.fusion)


def _similar(random: np.random.Generator, assigned: np.ndarray) -> set[int]:
    kept = {column for column in assigned.tolist() if random.random() < 0.6}
    return kept | set(random.choice(len(CODES), 2).tolist())
