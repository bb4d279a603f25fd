"""Out-of-fold MAP of the lexical channels on CodiEsp, and how many unseen codes they rank in the top 50.

python tests/benchmarks/benchmark_lexical_channels.py DATA [--language es] [--least-patients 1]

DATA is made by `icd-coder prepare codiesp`; folds are those of docs/studies/codiesp_folds.tsv (by article). A code is
unseen where no case of the other folds has it; X-placeholder codes count as their ICD-10-CM stem too. Ties go to the
alphabet: the label space comes first in the code set and knows the held-out codes.
"""

import argparse
import time
from collections import defaultdict
from itertools import chain
from pathlib import Path

import numpy as np

from model.candidates import ChannelFeatures
from model.dataset import load_dataset
from model.icd import Code
from model.labels import LabelSpace
from model.lexicon.lexicon_features import NAMES
from model.lexicon.siblings import Siblings
from training.prepare.icd_titles import other_names, published_titles
from training.ranking.lexicon_fit import fit_lexicon
from training.ranking.titles_fit import read_terms, titles_of
from training.ranking.training_note import TrainingNote, training_note

FOLDS = Path(__file__).parents[2] / "docs" / "studies" / "codiesp_folds.tsv"
TOP = 50
Scores = dict[str, np.ndarray]


def average_precision(scores: np.ndarray, gold: np.ndarray) -> float:
    ranks = np.flatnonzero(np.isin(np.argsort(-scores, kind="stable"), gold))
    return float(((np.arange(len(ranks)) + 1) / (ranks + 1)).sum() / max(len(gold), 1))


def dense(size: int, features: ChannelFeatures, values: np.ndarray) -> np.ndarray:
    scores = np.zeros(size)
    scores[features.columns] = values
    return scores


def scored(size: int, lexical: ChannelFeatures, named: ChannelFeatures, kin: ChannelFeatures) -> Scores:
    """Scores of every channel, and plain sums of them: no combiner."""

    def lexicon(*names: str) -> np.ndarray:
        return dense(size, lexical, lexical.values[:, [NAMES.index(f"lexicon.{n}") for n in names]].sum(axis=1))

    titles = dense(size, named, named.values[:, 0] + 1e-4 * named.values[:, 1])
    weighty = dense(size, named, named.values[:, 0] ** 2 * named.values[:, 1]) / 30
    siblings = dense(size, kin, kin.values[:, 0] + kin.values[:, 1] + 0.1 * kin.values[:, 3]) / 6
    return {
        "lexicon.best (document)": lexicon("best"),
        "lexicon.span_best": lexicon("span_best"),
        "lexicon.whole_best": lexicon("whole_best"),
        "lexicon: the three summed": lexicon("best", "span_best", "whole_best"),
        "titles.coverage": titles,
        "titles.coverage^2 matched": weighty,
        "kin": siblings,
        "titles + kin / 4": weighty + siblings / 4,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--least-patients", type=int, default=1, help="of a phrase; 1, since the cases are public")
    options = parser.parse_args()
    dataset = load_dataset(options.data)
    folds = dict(line.split("\t") for line in FOLDS.read_text(encoding="utf-8").splitlines()[1:])
    documents = list(dataset.documents("train", "dev"))
    fold = np.array([int(folds[document.document_id]) for document in documents])
    code_set = dataset.labels.extended(sorted(published_titles(["icd10cm"]).items()))
    kin, alphabetical = Siblings(code_set.labels), np.argsort(np.argsort([label.code for label in code_set.labels]))
    names = ((label.key, label.title) for label in code_set.labels)
    terms = read_terms(code_set, chain(names, other_names(label.key for label in code_set.labels)))
    notes = [training_note(document, code_set.columns, options.language) for document in documents]
    maps: dict[str, list[float]] = defaultdict(list)
    hits: dict[str, int] = defaultdict(int)
    unseen = 0
    spent: dict[str, float] = defaultdict(float)
    for held in range(5):
        train = [notes[place] for place in np.flatnonzero(fold != held)]
        lexicon = fit_lexicon(train, len(dataset.labels), options.language, options.least_patients)
        titles = titles_of(terms, code_set, train, options.language, least=options.least_patients)
        seen = np.zeros(len(code_set), dtype=bool)
        seen[np.concatenate([note.columns for note in train])] = True
        for place in np.flatnonzero(fold == held):
            scores = timed_scores(notes[place], lexicon, titles, kin, len(code_set), spent)
            missing = [int(column) for column in notes[place].columns if not seen[column]]
            unseen += len(missing)
            for name, values in scores.items():
                maps[name].append(average_precision(values, notes[place].columns))
                top = np.lexsort((alphabetical, -np.where(seen, -1.0, values)))[:TOP]
                hits[name] += sum(found(column, set(top[values[top] > 0].tolist()), code_set) for column in missing)
    print(f"{len(notes)} cases, {unseen} assignments of codes unseen in the fold's training part")
    print("ms a note: " + ", ".join(f"{name} {1000 * t / len(notes):.1f}" for name, t in spent.items()))
    for name, values in maps.items():
        print(f"{name:28} MAP {np.mean(values):.4f}  unseen in the top {TOP} of unseen {hits[name] / unseen:.3f}")


def timed_scores(note: TrainingNote, lexicon, titles, kin, size: int, spent: dict[str, float]) -> Scores:  # type: ignore[no-untyped-def]
    started = time.process_time()
    lexical = lexicon.note_features(note.note)
    spent["lexicon"] += time.process_time() - started
    started = time.process_time()
    named = titles.note_features(note.note)
    spent["titles"] += time.process_time() - started
    started = time.process_time()
    siblings = kin.of(lexical, named)
    spent["kin"] += time.process_time() - started
    return scored(size, lexical, named, siblings)


def found(column: int, top: set[int], code_set: LabelSpace) -> bool:
    """Whether the code, or the ICD-10-CM code that an X-placeholder code of the Spanish edition means, is there."""
    code = code_set[column].key
    stem = code_set.column(Code(code.system, code.code.rstrip("X").rstrip(".")))
    return column in top or (stem is not None and stem in top)


if __name__ == "__main__":
    main()
