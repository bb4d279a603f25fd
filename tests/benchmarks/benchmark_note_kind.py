"""What a bundle says of notes of its kind, and of other texts: whether it doubts them, and by which sign.

python tests/benchmarks/benchmark_note_kind.py BUNDLE DATA [--split test]

The notes of a split that was not trained on must rarely be doubted; the model card states how often. The texts are
those of tests/model/text/note_kinds.json, and words of the training notes in random order. ``--refit`` fits the signs
for a bundle of an earlier version, which has none.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np

from model.bundle import load_bundle
from model.coder import Coder
from model.dataset import Dataset, Document, load_dataset
from model.progress import with_progress
from model.text.known_words import words_of
from training.ranking.note_kind_fit import fit_note_kind
from training.ranking.ranker_fit import RankerFold

KINDS = Path(__file__).parents[1] / "model" / "text" / "note_kinds.json"
RANDOM_WORDS = 200


def embedded(coder: Coder, documents: Sequence[Document]) -> np.ndarray:
    """Embeddings (n, H)."""
    shown = with_progress(documents, "notes", len(documents), "note")
    return np.concatenate([coder.embed([document.text]) for document in shown])


def refitted(coder: Coder, dataset: Dataset) -> None:
    """Give the coder the signs that training would have fitted."""
    train, dev = dataset.require("train"), dataset.require("dev")
    rows = embedded(coder, train)
    part = RankerFold(train, rows, dev, embedded(coder, dev), np.zeros((len(dev), 0)))
    fitted = fit_note_kind(train, rows, [part])
    if fitted is None:
        raise SystemExit("too few notes or words to tell a kind of notes")
    print("fitted:", json.dumps(fitted.card))
    coder.note_kind = fitted.kind


def random_words(dataset: Dataset) -> dict[str, str]:
    """Of the vocabulary, of all training notes as often as they stand there, and of one note."""
    words = [words_of(document.text) for document in dataset.require("train")]
    every = [word for note in words for word in note]
    random = Random(0)
    return {
        "words of the vocabulary": " ".join(random.choices(sorted(set(every)), k=RANDOM_WORDS)),
        "words of the notes": " ".join(random.choices(every, k=RANDOM_WORDS)),
        "one note, shuffled": " ".join(random.sample(words[0], k=len(words[0]))),
    }


def print_texts(coder: Coder, title: str, texts: dict[str, str]) -> None:
    """One line each: words, share of known words and pairs, distance, what the answer says."""
    print(f"\n{title:26} words  known  pairs  distance  selected")
    for name, text in texts.items():
        answer = coder.predict([text], explain="none")[0]
        words = words_of(text)
        known = np.mean([coder.known_words is not None and word in coder.known_words.words for word in words])
        signs = None if coder.note_kind is None else coder.note_kind.signs(text, answer.embedding)
        measured = "" if signs is None else f"{signs.known_pairs:5.0%}  {signs.distance or 0:8.3f}"
        chosen = sum(code.selected for code in answer.codes)
        doubted = [told for told in answer.warnings if "training" in told and ("words" in told or "unlike" in told)]
        verdict = "" if not doubted else "doubted" if "No code is selected" in doubted[0] else "unusual"
        print(f"{name:26} {len(words):5}  {known:5.0%}  {measured}  {chosen:8}  {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--refit", action="store_true")
    arguments = parser.parse_args()
    coder, dataset = load_bundle(arguments.bundle), load_dataset(arguments.data)
    if arguments.refit:
        refitted(coder, dataset)
    print("card:", json.dumps(coder.card.get("note_kind", {})))
    held = dataset.require(arguments.split)
    shown = zip(held, embedded(coder, held), strict=True)
    doubts = [coder.doubt(document.text, row) for document, row in shown]
    unusual = sum(doubt is not None for doubt in doubts)
    doubted = sum(doubt is not None and doubt.is_strong for doubt in doubts)
    print(f"{arguments.split}: {len(held)} notes, {unusual} called unusual, {doubted} doubted")
    kinds = json.loads(KINDS.read_text(encoding="utf-8"))
    print_texts(coder, "other kinds of text", kinds["other"] | random_words(dataset))
    print_texts(coder, "what a clinician types", kinds["clinical"])


if __name__ == "__main__":
    main()
