"""MiniLM trained whole on a packed corpus with one loss and seed: codes, neighbours and time."""

import json
import os
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_pack import Corpus, read_corpus

from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from model.network.precision import trained_precision
from training.evaluation.classification import classification_metrics, select
from training.evaluation.global_threshold import best_global_threshold
from training.evaluation.gold import Gold
from training.evaluation.label_space import codes_outside
from training.evaluation.ranking_metrics import mean_average_precision
from training.optimise.distributed import Processes
from training.optimise.loop import fit, predict_scores
from training.optimise.note_source import NoteSource, note_source
from training.options import TrainingOptions
from training.retrieval.measures import K, measure
from training.retrieval.search import nearest
from training.run.neighbour_agreement import embed_notes
from training.run.network import build_network

LOSSES = ("bce", "sd")
MANY_NOTES = 2000
LAST_STEPS = 20
MEMORY_DISK, ITS_LEAST_BYTES = Path("/dev/shm"), 8 * 2**30  # noqa: S108


@dataclass(frozen=True)
class Cell:
    """One fine-tune."""

    corpus: str
    loss: str
    seed: int

    @property
    def name(self) -> str:
        return f"fine-tune {self.corpus}, {self.loss}, seed {self.seed}"


@dataclass(frozen=True)
class FineTuning:
    """What all fine-tunes share."""

    packed: Path
    device: str
    deadline: float
    """By time.time(): a fine-tune that has not finished its epochs then stops."""
    most_notes: int | None = None
    """Of each part; None for all."""
    max_tokens: int = 3072
    epochs: int | None = None
    """None: by the number of notes."""
    threads: int = 0


class OutOfTime(Exception):
    """The session's time is up."""


def fine_tune(cell: Cell, setting: FineTuning) -> dict[str, Any]:
    """Train and judge.

    Raises:
        OutOfTime: the deadline came first.
    """
    started = time.monotonic()
    if setting.threads:
        torch.set_num_threads(setting.threads)
    corpus = _corpus(setting, cell.corpus)
    options = training_options(cell, setting, len(corpus.documents["train"]))
    torch.manual_seed(cell.seed)
    encoder = open_encoder(options.encoder)
    network = build_network(encoder, corpus.dataset, corpus.documents["train"], options).to(setting.device)
    if setting.device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(setting.device)
    with tempfile.TemporaryDirectory(dir=_scratch()) as folder:
        notes = _notes(network, corpus, encoder.tokenizer.pad_token_id, Path(folder), setting.device)
        gold = _gold(corpus, "tuning")

        def validate(scores: np.ndarray) -> float:
            if time.time() > setting.deadline:
                raise OutOfTime
            return mean_average_precision(scores, gold)

        fitted = fit(
            network, notes["train"], notes["tuning"], options, Path(folder), {}, validate, setting.device, False, 60.0
        )
        logged = _logged(Path(folder) / "log.jsonl")
    threshold = best_global_threshold(fitted.dev_scores, corpus.rows("tuning"), _outside(corpus, "tuning"))
    judged = _judged(network, notes, corpus, options, threshold, setting.device)
    progress = fitted.progress
    return {
        **judged,
        "corpus": cell.corpus,
        "loss": cell.loss,
        "seed": cell.seed,
        "notes": {part: len(documents) for part, documents in corpus.documents.items()},
        "judged_on": corpus.judged_on,
        "labels": len(corpus.dataset.labels),
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "best_epoch": progress.best_epoch + 1,
        "validation_map": progress.best_map,
        "threshold": threshold,
        **logged,
        "peak_mebibytes": _peak_mebibytes(setting.device),
        "seconds": time.monotonic() - started,
    }


def training_options(cell: Cell, setting: FineTuning, notes: int) -> TrainingOptions:
    """All layers free, the defaults of `icd-coder train` else; fewer epochs and larger batches for many notes."""
    epochs = setting.epochs or (10 if notes < MANY_NOTES else 4)
    return TrainingOptions(
        encoder=str(setting.packed / "encoder"),
        loss=cell.loss,
        contrastive_weight=1.0,
        epochs=epochs,
        patience=epochs,
        batch_size=16 if notes < MANY_NOTES else 32,
        max_tokens=setting.max_tokens,
        freeze_layers=-1,
        precision=trained_precision("auto", setting.device),
        seed=cell.seed,
    )


def _corpus(setting: FineTuning, name: str) -> Corpus:
    window = TrainingOptions(encoder="").window
    return _read_once(setting.packed, name, window, setting.max_tokens, setting.most_notes)


_read_once = lru_cache(maxsize=4)(read_corpus)


def _notes(network: CodingNetwork, corpus: Corpus, pad_id: int, folder: Path, device: str) -> dict[str, NoteSource]:
    return {
        part: note_source(network, windows, corpus.rows(part), pad_id, folder, device)
        for part, windows in corpus.windows.items()
    }


def _outside(corpus: Corpus, part: str) -> np.ndarray:
    return codes_outside(corpus.dataset, corpus.documents[part])


def _gold(corpus: Corpus, part: str) -> Gold:
    return Gold.from_rows(corpus.rows(part), len(corpus.dataset.labels), _outside(corpus, part))


def _judged(
    network: CodingNetwork,
    notes: dict[str, NoteSource],
    corpus: Corpus,
    options: TrainingOptions,
    threshold: float,
    device: str,
) -> dict[str, float | None]:
    """On the judged notes: codes, and the nearest training notes by the embedding."""
    scores = predict_scores(network, notes["judged"], options, Processes(device=device))
    gold = _gold(corpus, "judged")
    codes = classification_metrics(select(scores, gold, threshold))
    stored, asked = (embed_notes(network, notes[part], options, device) for part in ("train", "judged"))
    subjects = [document.subject_id for document in corpus.documents["judged"]]
    owners = np.array([document.subject_id for document in corpus.documents["train"]])
    found = nearest(lambda start, stop: asked[start:stop] @ stored.T, subjects, owners, K, "neighbours")
    rows = corpus.rows("judged"), corpus.rows("train")
    near = measure({"": found}, rows[0], subjects, rows[1], owners, gold.num_labels)[""]
    return {
        "micro_f1": codes["micro_f1"],
        "macro_f1": codes["macro_f1_present"],
        "map": mean_average_precision(scores, gold),
        f"jaccard_at_{K}": _mean(near.jaccard),
        f"ndcg_at_{K}": _mean(near.ndcg),
        "rare_recall": _mean(near.rare_recall),
    }


def _mean(values: np.ndarray) -> float | None:
    """Over the documents where it is defined; None where it is nowhere."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None


def _logged(path: Path) -> dict[str, float | None]:
    """Median speed of the epochs, and how large the two losses are at the end: means of the last steps."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if line["event"] == "step"][-LAST_STEPS:]
    means = {
        f"last_{name}": statistics.fmean(step[name] for step in steps) if name in steps[0] else None
        for name in ("bce", "contrastive")
    }
    rates = [line["tokens_per_second"] for line in lines if line["event"] == "epoch"]
    return {"training_tokens_per_second": statistics.median(rates), **means}


def _peak_mebibytes(device: str) -> float | None:
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.startswith("cuda") else None


def _scratch() -> Path | None:
    """Where checkpoints go, one an epoch: in memory where there is room, since a disk may take as long as an epoch."""
    roomy = os.access(MEMORY_DISK, os.W_OK) and shutil.disk_usage(MEMORY_DISK).free > ITS_LEAST_BYTES
    return MEMORY_DISK if roomy else None
