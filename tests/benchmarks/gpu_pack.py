"""The folder that travels to a GPU: an encoder in 16 bits and datasets, small enough to send, and how to read it."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from model.atomic_output import staged_directory
from model.dataset import DOCUMENTS_SCHEMA, FORMAT, Dataset, Document, load_dataset
from model.errors import InvalidOption, MissingInput
from model.network.encoder_source import open_encoder
from model.network.windows import WindowedNote
from training.run.network import window_documents

MOST_BYTES = 64 * 2**20
CARD = "pack.json"


TUNING = 10
"""Every so-manyth training patient tunes where a dataset has no test split; untuned."""


@dataclass(frozen=True)
class Corpus:
    """A dataset's notes for "train", "tuning" and "judged", or the first of each, tokenised."""

    dataset: Dataset
    documents: dict[str, list[Document]]
    windows: dict[str, list[WindowedNote]]
    judged_on: str
    """The split test; dev where there is no test, and then a part of the training notes tunes."""

    def rows(self, part: str) -> list[np.ndarray]:
        """Label columns of each document of a part."""
        return self.dataset.rows(self.documents[part])


def write_pack(folder: Path, datasets: Sequence[Path], encoder: str) -> dict[str, int]:
    """Write the folder; returns the bytes of each file by its path inside.

    Raises:
        InvalidOption: two datasets of one name, or more than MOST_BYTES in all; nothing is left then.
        MissingInput, MalformedInput, EmptyDataset: encoder or dataset cannot be read, or train or dev has no document.
        OutputExists: the folder is there.
    """
    names = [path.resolve().name for path in datasets]
    if len(set(names)) < len(names):
        raise InvalidOption(f"--data names the folder '{max(names, key=names.count)}' twice: rename one of them")
    with staged_directory(folder) as staging:
        source = open_encoder(encoder)
        source.backbone.to(torch.float16).save_pretrained(staging / "encoder")
        source.tokenizer.save_pretrained(staging / "encoder")
        for name, path in zip(names, datasets, strict=True):
            _pack_dataset(path, staging / "data" / name)
        card = {"encoder": source.name, "weights": "float16", "datasets": names, "commit": commit()}
        (staging / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        sizes = {
            path.relative_to(staging).as_posix(): path.stat().st_size
            for path in sorted(staging.rglob("*"))
            if path.is_file()
        }
        total = sum(sizes.values())
        if total > MOST_BYTES:
            raise InvalidOption(
                f"the folder would have {total / 2**20:.1f} MiB, and at most {MOST_BYTES / 2**20:.0f} MiB travel: "
                "name fewer datasets, or a smaller encoder"
            )
    return sizes


def _pack_dataset(path: Path, folder: Path) -> None:
    dataset = load_dataset(path)
    for split in ("train", "dev"):
        dataset.require(split)
    folder.mkdir(parents=True)
    table = pq.read_table(path / "documents.parquet", columns=DOCUMENTS_SCHEMA.names)
    pq.write_table(table, folder / "documents.parquet", compression="zstd", compression_level=19)
    shutil.copyfile(path / "labels.parquet", folder / "labels.parquet")
    # Without the rest of the manifest, which names folders of this machine.
    (folder / "manifest.json").write_text(json.dumps({"format": FORMAT}), encoding="utf-8")


def read_card(folder: Path) -> dict[str, Any]:
    """What :func:`write_pack` wrote of itself.

    Raises:
        MissingInput: it is no such folder.
    """
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingInput(f"'{folder}' holds no {CARD} that can be read: make the folder with --pack") from error
    return card


def read_corpus(folder: Path, name: str, window: int, max_tokens: int, most_notes: int | None = None) -> Corpus:
    """A dataset of the folder, its parts cut to their first notes where ``most_notes`` is given."""
    dataset = load_dataset(folder / "data" / name)
    tokenizer = open_encoder(str(folder / "encoder")).tokenizer
    train, dev = list(dataset.require("train")), list(dataset.require("dev"))
    parts = {"train": train, "tuning": dev, "judged": list(dataset.documents("test"))}
    judged_on = "test" if parts["judged"] else "dev"
    if judged_on == "dev":
        tuning = _some_patients(train)
        parts = {"train": [note for note in train if note not in tuning], "tuning": tuning, "judged": dev}
    documents = {part: notes[:most_notes] for part, notes in parts.items()}
    windows = {part: window_documents(tokenizer, notes, window, max_tokens) for part, notes in documents.items()}
    return Corpus(dataset, documents, windows, judged_on)


def _some_patients(documents: Sequence[Document]) -> list[Document]:
    """The notes of every TUNING-th patient; a note of an unknown one stands alone."""
    patients = list(dict.fromkeys(note.subject_id or note.document_id for note in documents))
    chosen = set(patients[::TUNING])
    return [note for note in documents if (note.subject_id or note.document_id) in chosen]


def commit() -> str | None:
    """The commit of these sources; None where git does not say."""
    try:
        asked = ["git", "rev-parse", "HEAD"]
        found = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
