"""A new bundle from an old one: the same files, and the encoder in int8, calibrated on notes or titles."""

import json
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from model.atomic_output import require_free, staged_directory
from model.bundle import load_bundle, sign_bundle
from model.coder import Coder
from model.dataset import load_dataset
from model.errors import InvalidOption
from model.network.int8_encoder import FOLDER, has_int8_encoder, require_openvino
from model.network.windows import window_notes
from model.text.note_form import plain_texts
from training.export.int8 import write_int8_encoder

CALIBRATION_NOTES = 64
WINDOWS_A_NOTE = 4
"""Both untuned."""


def export_openvino(bundle: Path, calibration: Path | None, out: Path, seed: int = 1) -> str:
    """Write ``out``: the bundle with an int8 encoder; returns the new bundle_id.

    Args:
        calibration: a dataset directory whose training notes calibrate; None for the titles of the codes.

    Raises:
        InvalidOption: the bundle has an int8 encoder already.
        MissingInput: OpenVINO, the bundle or the dataset is not there.
        OutputExists, UnwritableOutput: see :func:`model.atomic_output.staged_directory`.
    """
    require_free(out)
    require_openvino()
    coder = load_bundle(bundle, precision="fp32")
    if has_int8_encoder(bundle):
        raise InvalidOption(f"'{bundle}' has an int8 encoder already: export the bundle that it was made from")
    texts = texts_of_titles(coder, seed) if calibration is None else training_notes(calibration, seed)
    windows = calibration_windows(coder, texts, seed)
    with staged_directory(out) as staging:
        shutil.copytree(bundle, staging, dirs_exist_ok=True)
        split = write_int8_encoder(coder.network.encoder, windows, staging / FOLDER)
        source = "titles of the codes" if calibration is None else f"training notes of {calibration.resolve().name}"
        export = {"format": "openvino int8", "from_bundle": coder.bundle_id, "calibrated_on": source, "seed": seed}
        export |= {"windows": sum(len(batch) for batch in windows), "versions": _versions()}
        export |= {"layers_with_outliers": split}
        _describe(staging, coder, export)
        return sign_bundle(staging)


def _describe(folder: Path, coder: Coder, export: dict[str, Any]) -> None:
    card = coder.card | {"export": export}
    (folder / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    with (folder / "README.md").open("a", encoding="utf-8") as file:
        file.write(
            f"\nExported from the bundle {coder.bundle_id[:12]}: openvino/ holds the encoder in int8, calibrated on "
            f"{export['windows']} windows ({export['calibrated_on']}). What was measured above was measured before.\n"
        )


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("openvino", "nncf")}


def calibration_windows(coder: Coder, texts: Sequence[str], seed: int = 0) -> list[np.ndarray]:
    """Some windows of each text, chosen by the seed.

    Shape:
        each (W, T) int64, W at most WINDOWS_A_NOTE windows of one length, without padding.
    """
    random = np.random.default_rng(seed)
    batches = []
    for note in window_notes(coder.tokenizer, texts, coder.window, coder.max_tokens):
        length = int(note.lengths[0])
        starts = (np.cumsum(note.lengths) - note.lengths)[note.lengths == length]
        chosen = np.sort(random.permutation(starts)[:WINDOWS_A_NOTE])
        batches.append(note.ids[chosen[:, None] + np.arange(length)[None, :]])
    return batches


def training_notes(data: Path, seed: int) -> list[str]:
    """Texts of CALIBRATION_NOTES training documents, fewer where there are fewer.

    Raises:
        MissingInput, MalformedInput, EmptyDataset: see :func:`model.dataset.load_dataset`.
    """
    documents = load_dataset(data).require("train")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(documents))[:CALIBRATION_NOTES])
    return plain_texts(documents[int(index)].text for index in chosen)


def texts_of_titles(coder: Coder, seed: int) -> list[str]:
    """CALIBRATION_NOTES texts made of shuffled titles of the bundle's codes, each about a window long."""
    titles = [label.title for label in coder.labels.labels]
    random = np.random.default_rng(seed)
    words = coder.window
    texts = []
    for _ in range(CALIBRATION_NOTES):
        order = random.permutation(len(titles))[:words]
        texts.append(". ".join(titles[index] for index in order) + ".")
    return texts
