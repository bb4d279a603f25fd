"""What the ranker costs beside the encoder, on one note of 1,500 words.

python tests/benchmarks/benchmark_ranker.py BUNDLE DATA [--words 1500] [--turns 9] [--threads 2]

BUNDLE has a ranker; the note is put together from texts of DATA's dev split, and 50 of its training notes are the
neighbours. Encoder (with label attention) and ranker take turns; medians. The search for neighbours is not in it: see
benchmark_neighbours.py.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import torch

from model.bundle import load_bundle
from model.dataset import load_dataset
from model.ranking.neighbour_vote import RankingNeighbour


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--words", type=int, default=1500)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    coder, dataset = load_bundle(options.bundle), load_dataset(options.data)
    words = [word for document in dataset.require("dev")[:20] for word in document.text.split(" ")]
    note = " ".join(words[: options.words])
    training = dataset.require("train")[:50]
    voters = [RankingNeighbour(0.9 - place / 100, document.codes) for place, document in enumerate(training)]
    ranker = coder.ranker
    if ranker is None or ranker.lexical is None:
        raise SystemExit(f"{options.bundle} has no ranker: train one")
    seconds: dict[str, list[float]] = {"encoder": [], "lexical channels": [], "ranker": []}
    for turn in range(options.turns + 1):
        started = time.perf_counter()
        scores = coder.score(note)
        encoded = time.perf_counter()
        ranker.lexical.channels(coder.read(note))
        lexical = time.perf_counter()
        ranking = ranker.rank(coder.read(note), scores.probabilities, voters)
        ended = time.perf_counter()
        if turn:  # the first one warms up
            for name, value in zip(seconds, (encoded - started, lexical - encoded, ended - lexical), strict=True):
                seconds[name].append(value)
    print(f"{len(note.split())} words, {len(scores.windowed.ids)} tokens, {len(ranking.columns)} candidates")
    print(f"{len(coder.labels)} labels, {len(coder.codes)} codes in the code set, {coder.precision}")
    for name, values in seconds.items():
        share = median(values) / median(seconds["encoder"])
        print(f"{name:17} {1000 * median(values):7.1f} ms, {share:.3f} of the encoder")


if __name__ == "__main__":
    main()
