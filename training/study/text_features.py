"""Frozen text features: the mean token state of a sentence encoder, computed once and kept beside the dataset."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from model.atomic_output import write_atomically
from model.errors import MalformedInput
from model.network.batch import batch_of_ids
from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from model.network.precision import trained_precision
from model.network.windows import WindowedNote, window_notes
from model.private_files import make_folder
from model.progress import progress_bar
from model.text.note_form import plain_texts

WINDOW = 256
"""Tokens a window: the length that all-MiniLM-L6-v2 was trained with."""
AT_ONCE = 16


def text_features(texts: Sequence[str], encoder: str, max_tokens: int, cache: Path) -> np.ndarray:
    """Mean token state of each text, (n, H) float32, from the cache when it holds just these.

    Args:
        max_tokens: tokens of a text that are read.

    The file is derived from the texts: it is as private as they are.

    Raises:
        MissingInput, InvalidOption: see :func:`model.network.encoder_source.open_encoder`.
        MalformedInput: the cached file is damaged.
        UnwritableOutput: the cache cannot be written to.
    """
    precision, texts = trained_precision("auto", "cpu"), plain_texts(texts)
    path = cache / f"means-{_key(texts, encoder, max_tokens, precision)}.npy"
    if path.is_file():
        return _read(path, len(texts))
    means = _means(texts, encoder, max_tokens, precision)
    content = io.BytesIO()
    np.save(content, means)
    make_folder(cache)
    write_atomically(path, content.getvalue())
    return means


def _read(path: Path, number: int) -> np.ndarray:
    try:
        means: np.ndarray = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise MalformedInput(f"'{path}' is damaged: remove it, and it is computed again") from error
    if means.ndim != 2 or len(means) != number:
        raise MalformedInput(f"'{path}' has the shape {means.shape}: remove it, and it is computed again")
    return means


@torch.inference_mode()
def _means(texts: Sequence[str], encoder: str, max_tokens: int, precision: str) -> np.ndarray:
    source = open_encoder(encoder)
    network = CodingNetwork(source.backbone, 1, precision=precision).eval()
    notes = window_notes(source.tokenizer, texts, WINDOW, max_tokens)
    means = np.zeros((len(texts), network.encoder.hidden_size), dtype=np.float32)
    order = np.argsort([len(note.ids) for note in notes], kind="stable")  # alike lengths together
    with progress_bar("text features", sum(len(note.ids) for note in notes), "tok", scale=True) as bar:
        for first in range(0, len(order), AT_ONCE):
            chosen = order[first : first + AT_ONCE]
            means[chosen] = _batch_means(network, [notes[index] for index in chosen], source.tokenizer.pad_token_id)
            bar.update(sum(len(notes[index].ids) for index in chosen))
    return means


def _batch_means(network: CodingNetwork, notes: Sequence[WindowedNote], pad_id: int) -> np.ndarray:
    batch = batch_of_ids(notes, pad_id)
    states = network.token_states(batch)  # (B, N, H)
    weights = batch.note_mask.to(states.dtype)
    sums = (weights[:, None, :] @ states)[:, 0]
    means: np.ndarray = (sums / weights.sum(dim=1, keepdim=True)).numpy()
    return means


def _key(texts: Sequence[str], encoder: str, max_tokens: int, precision: str) -> str:
    digest = hashlib.sha256(f"{encoder} {WINDOW} {max_tokens} {precision}".encode())
    for text in texts:
        digest.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()[:24]
