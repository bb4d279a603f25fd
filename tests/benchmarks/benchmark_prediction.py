"""What a prediction costs outside the encoder, in this checkout and in another one.

python tests/benchmarks/benchmark_prediction.py DATA [--other CHECKOUT] [--words 1500] [--turns 50]

Fits a ranker with lexical channels on DATA's training notes, over the whole code table, beside a tiny random encoder,
and saves both as a bundle. Each checkout opens it in a process of its own; the processes take turns on the same notes,
which are put together from DATA's dev split. Prints the median time of a prediction less that of its encoder, and
checks that both checkouts give the same answers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent.parent.parent
WARM_UP = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--words", type=int, default=1500)
    parser.add_argument("--turns", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        notes = prepare(options.data, bundle, options.words, options.turns + WARM_UP)
        checkouts = [HERE, *([options.other.resolve()] if options.other else [])]
        workers = [open_worker(checkout, bundle) for checkout in checkouts]
        spent: list[list[float]] = [[] for _ in workers]
        for turn, note in enumerate(notes):
            replies = [ask(worker, note) for worker in workers]
            if any(reply["answer"] != replies[0]["answer"] for reply in replies):
                raise SystemExit(f"the answers to note {turn} differ")
            for times, reply in zip(spent, replies, strict=True):
                times += [reply["milliseconds"]] if turn >= WARM_UP else []
        for worker in workers:
            worker.communicate()
    for checkout, times in zip(("this checkout", "the other one"), spent, strict=False):
        print(f"{checkout:14} {median(times):8.2f} ms outside the encoder, median of {len(times)} predictions")
    if len(spent) == 2:
        print(f"ratio {median(spent[0]) / median(spent[1]):.3f}; all answers are equal")


def prepare(data: Path, bundle: Path, words: int, number: int) -> list[str]:
    """Save the bundle, and put the notes together."""
    import numpy as np

    from model.bundle import BundleContents, save_bundle
    from model.dataset import load_dataset
    from model.network.encoder_source import open_encoder
    from model.network.network import CodingNetwork
    from model.ranking.calibration import Uncalibrated
    from model.ranking.combiner import LogisticCombiner
    from model.ranking.fusion import Fusion
    from model.ranking.ranker import Ranker
    from model.ranking.thresholds import GlobalThreshold, ThresholdPolicy
    from model.text.read_note import ReadNote
    from training.ranking.lexical_fit import lexical_fit
    from training.ranking.ranker_fit import candidate_builder_of

    dataset = load_dataset(data)
    training, labels = list(dataset.require("train")), dataset.labels
    fit = lexical_fit(dataset, None)
    builder = candidate_builder_of(fit, training, fit.fit(fit.read(training)))
    names = builder.candidates(ReadNote(training[0].text), np.full(len(labels), 0.5), None).names
    weights = np.array([float(name in ("spoke.titles", "spoke.lexicon", "lexicon.best")) for name in names])
    combiner = LogisticCombiner(np.zeros(len(names)), np.ones(len(names)), weights, np.full(1, -2.0))
    fusion = Fusion(names, combiner, Uncalibrated(), (ThresholdPolicy("global", 0.5),))
    source = open_encoder("tiny")
    contents = BundleContents(
        network=CodingNetwork(source.backbone, len(labels)),
        tokenizer=source.tokenizer,
        labels=labels,
        threshold=GlobalThreshold(0.5, "dev"),
        head="plm-ca",
        encoder_name="tiny",
        window=128,
        max_tokens=6144,
        card={},
        readme="",
        ranker=Ranker(builder, fusion),
    )
    save_bundle(bundle, contents)
    print(f"{len(labels)} labels, {len(builder.codes)} codes, {len(training)} training notes")
    said = [word for document in dataset.require("dev") for word in document.text.split(" ")]
    starts = np.random.default_rng(0).integers(0, max(1, len(said) - words), number)
    return [" ".join(said[start : start + words]) for start in starts]


def open_worker(checkout: Path, bundle: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, __file__, "--worker", str(bundle)]
    return subprocess.Popen(
        command, cwd=checkout, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def ask(worker: "subprocess.Popen[str]", note: str) -> dict[str, Any]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(note) + "\n")
    worker.stdin.flush()
    reply: dict[str, Any] = json.loads(worker.stdout.readline())
    return reply


def work(bundle: Path) -> None:
    """Answer each note of standard input with its codes and its time outside the encoder."""
    from model.bundle import load_bundle

    coder = load_bundle(bundle)
    encode, encoding = coder._encode, 0.0

    def timed(windowed: Any) -> Any:
        nonlocal encoding
        started = time.perf_counter()
        found = encode(windowed)
        encoding = time.perf_counter() - started
        return found

    coder._encode = timed  # type: ignore[method-assign]
    for line in sys.stdin:
        note = json.loads(line)
        started = time.perf_counter()
        coded = coder.predict([note])[0]
        spent = time.perf_counter() - started - encoding
        answer = [asdict(code) for code in coded.codes], coded.embedding.tolist(), coded.warnings
        print(json.dumps({"milliseconds": 1000 * spent, "answer": answer}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(Path(sys.argv[2]))
    else:
        main()
