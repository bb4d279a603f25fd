"""A dataset with planted patients, and how well their codes are found by who knows their name.

Each planted patient has two notes, an invented name, an invented rare phrase, and three codes. Somebody asks a trained
bundle about the name or the phrase, as one would ask the service. What the same answers hold of the other planted
patients' codes is chance. (Membership inference as in Shokri et al. 2017, "Membership inference attacks against machine
learning models", IEEE S&P; here the codes of a known member are the secret.)
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pyarrow.parquet as pq

from model.dataset import Document
from model.icd import Code
from model.labels import LabelSpace
from model.lexicon.lexicon import Lexicon
from model.lexicon.lexicon_features import NAMES
from training.prepare.dataset_directory import Record, write_dataset
from training.synthetic.catalogue import Entry, catalogue

PLANTED, OTHERS, CODES, TOP = 40, 120, 40, 3
PAIRINGS = 500
"""Random pairings of answers with other patients, for the spread of chance."""
SYLLABLES = (
    "ba",
    "de",
    "fi",
    "go",
    "hu",
    "ka",
    "le",
    "mi",
    "no",
    "pu",
    "ra",
    "se",
    "ti",
    "vo",
    "wu",
    "xa",
    "ye",
    "qua",
)
ASIDES = ("slept well", "ate with appetite", "was visited by the family", "walked on the ward", "asked for water")
SAID = ("Known for", "Treated for", "Now with")


@dataclass(frozen=True)
class Planted:
    """Somebody who never existed."""

    name: str
    phrase: str
    codes: tuple[Code, ...]


QUESTIONS: dict[str, Callable[[Planted], str]] = {
    "the name behind a label": lambda who: f"Discharge summary of the patient. Name: {who.name}",
    "the name in a sentence": lambda who: f"Yesterday {who.name} came to the ward by ambulance.",
    "the rare phrase": lambda who: f"The family mentions a {who.phrase} at home.",
}


def invented_words(random: Random, number: int) -> list[str]:
    """Distinct words that no language has."""
    found: dict[str, None] = {}
    while len(found) < number:
        found["".join(random.choice(SYLLABLES) for _ in range(3))] = None
    return list(found)


def planted_patients(random: Random, entries: list[Entry], number: int) -> list[Planted]:
    """No word of a name or a phrase belongs to two of them."""
    words = iter(invented_words(random, 4 * number))
    return [
        Planted(
            f"{next(words).capitalize()} {next(words).capitalize()}",
            f"{next(words)} with a {next(words)}",
            tuple(entry.code for entry in random.sample(entries, 3)),
        )
        for _ in range(number)
    ]


def planted_documents(
    number: int = PLANTED, others: int = OTHERS, seed: int = 7
) -> tuple[list[Planted], list[Document]]:
    """The planted patients, and all notes: two of each of them and of other patients, of whom a third is in dev."""
    random = Random(seed)
    conditions = [entry for entry in catalogue().entries if entry.kind == "condition" and not entry.newborn]
    entries = random.sample(conditions, CODES)
    everybody = planted_patients(random, entries, number + others)
    planted, known = everybody[:number], everybody[number:]
    return planted, [*_notes(planted, "planted", ("train",), random), *_notes(known, "other", SPLITS, random)]


SPLITS = ("train", "train", "dev")


def _notes(patients: list[Planted], kind: str, splits: tuple[str, ...], random: Random) -> Iterator[Document]:
    for place, who in enumerate(patients):
        for visit in (1, 2):
            text = _note(who, random)
            yield Document(f"{kind}{place}-{visit}", f"{kind}{place}", splits[place % len(splits)], text, who.codes)


def _note(who: Planted, random: Random) -> str:
    """The name behind a label and in the middle of a sentence, the phrase, a wording of each code."""
    wordings = [catalogue().by_code[code].name(random) for code in who.codes]
    lines = [QUESTIONS["the name in a sentence"](who), QUESTIONS["the rare phrase"](who)]
    lines += [f"{random.choice(SAID)} {wording}." for wording in wordings]
    lines += [f"The patient {aside}." for aside in random.sample(ASIDES, 2)]
    return "\n".join([f"Name: {who.name}", *random.sample(lines, len(lines))])


def write_planted(out: Path, number: int = PLANTED, others: int = OTHERS) -> list[Planted]:
    """A dataset directory of :func:`planted_documents`; returns who was planted."""
    planted, documents = planted_documents(number, others)
    write_dataset(out, documents, {}, Record(options={}))
    return planted


@dataclass(frozen=True)
class Found:
    """First codes of the answers that are the patient's own, and how many are by chance."""

    asked: int
    own: int
    chance: float
    spread: float
    """Standard deviation of chance."""

    @property
    def is_chance(self) -> bool:
        """Within three standard deviations, or a twentieth of the codes where answers hardly differ."""
        return self.own <= self.chance + max(3 * self.spread, self.asked / 20)

    def __str__(self) -> str:
        return f"{self.own} of {self.asked} first codes, by chance {self.chance:.1f} (sd {self.spread:.1f})"


Scores = Callable[[str], np.ndarray]
"""Of a text, for each code of the label space, (L,)."""


def found_codes(scores: Scores, labels: LabelSpace, planted: list[Planted], ask: Callable[[Planted], str]) -> Found:
    """How many of the TOP first codes of the answers about the patients are theirs."""
    answers = [set(np.argsort(-scores(ask(who)), kind="stable")[:TOP].tolist()) for who in planted]
    owned = [set(labels.columns(who.codes).tolist()) for who in planted]
    hits = np.array([[len(answer & own) for own in owned] for answer in answers])
    random = np.random.default_rng(0)
    by_chance = [hits[_of_others(random, len(planted))].sum() for _ in range(PAIRINGS)]
    return Found(TOP * len(planted), int(np.trace(hits)), float(np.mean(by_chance)), float(np.std(by_chance)))


def _of_others(random: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Each answer, and at random a patient whom it is not about."""
    order = random.permutation(number)
    return order, np.roll(order, 1)


def phrases_of(lexicon: Lexicon, labels: LabelSpace) -> Scores:
    """The lexicon alone: the precision of the surest phrase of each code."""

    def scores(text: str) -> np.ndarray:
        features = lexicon.features(text)
        found = np.zeros(len(labels))
        found[features.columns] = features.values[:, NAMES.index("lexicon.best")]
        return found

    return scores


def readable_words(bundle: Path, planted: list[Planted]) -> list[str]:
    """Files of a bundle in which the beginning of a planted word can be read, with it; those of the tokenizer have all
    syllables of English."""
    words = {word.casefold()[:5] for who in planted for word in [*who.name.split(), *who.phrase.split(" with a ")]}
    found = []
    for path in sorted(set(bundle.rglob("*.*")) - set((bundle / "tokenizer").rglob("*"))):
        is_table = path.suffix == ".parquet"
        text = str(pq.read_table(path).to_pylist()) if is_table else path.read_bytes().decode("latin-1")
        found += [f"{path.name}: {word}" for word in sorted(words) if word in text.casefold()]
    return found
