"""Encodes notes once: mean token state, document embedding and, on request, probabilities."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from model.coder import Coder
from model.dataset import Documents
from model.network.batch import NoteBatch, batch_of_ids
from model.network.document_embedding import MEAN
from model.network.windows import window_notes
from model.progress import progress_bar
from model.text.note_form import plain_texts
from training.optimise.frozen_states import FrozenStates, cached_states


@dataclass(frozen=True)
class EncodedNotes:
    """Shape: means and embeddings (n, H) float32 unit rows; probabilities (n, L) float32, or None."""

    means: np.ndarray
    """The L2-normalised mean of the token states: the encoder's own embedding, before training shaped it."""
    embeddings: np.ndarray
    probabilities: np.ndarray | None


@torch.inference_mode()
def encode_notes(
    coder: Coder, documents: Documents, description: str, with_probabilities: bool = False, cache: Path | None = None
) -> EncodedNotes:
    """Encode every document; on a CPU one at a time, because batches are no faster there.

    Args:
        cache: folder of states that training left. Where it holds those of just these documents, a fully frozen
            encoder is not run again; they are float16, so that a vector differs from the service's in about
            the fourth digit.
    """
    network = coder.network.eval()
    at_once = 1 if coder.device == "cpu" else 8
    means: list[np.ndarray] = []
    embeddings: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    batches = _batches(coder, documents, at_once, None if cache is None else _left_by_training(coder, documents, cache))
    with progress_bar(description, total=len(documents), unit="note") as bar:
        for batch in batches:
            states = network.token_states(batch)  # (B, N, H)
            weights = batch.note_mask.to(states.dtype)
            mean = (weights[:, None, :] @ states)[:, 0]  # the normalisation below divides by the length too
            means.append(F.normalize(mean, dim=1).cpu().numpy())
            logits = network.label_attention(states, batch.note_mask) if with_probabilities else None
            embeddings.append(network.embed(states, batch.note_mask, logits).cpu().numpy())
            if logits is not None:
                scores.append(torch.sigmoid(logits.double()).float().cpu().numpy())
            bar.update(len(mean))
    return EncodedNotes(_stack(means), _stack(embeddings), _stack(scores) if with_probabilities else None)


def _batches(coder: Coder, documents: Documents, at_once: int, cached: FrozenStates | None) -> Iterator[NoteBatch]:
    for start in range(0, len(documents), at_once):
        stop = min(start + at_once, len(documents))
        if cached is not None:
            yield cached.batch(range(start, stop)).to(coder.device)
            continue
        texts = plain_texts(document.text for document in documents[start:stop])
        windowed = window_notes(coder.tokenizer, texts, coder.window, coder.max_tokens)
        yield batch_of_ids(windowed, coder.tokenizer.pad_token_id).to(coder.device)


def _left_by_training(coder: Coder, documents: Documents, cache: Path) -> FrozenStates | None:
    """States after all layers of a fully frozen encoder, or None."""
    network = coder.network
    if not cache.is_dir() or coder.card.get("training", {}).get("freeze_layers") != network.encoder.num_layers:
        return None
    network.frozen_layers = network.encoder.num_layers  # a loaded bundle has forgotten; it names the cache's folder
    texts = plain_texts(document.text for document in documents)
    return cached_states(network, window_notes(coder.tokenizer, texts, coder.window, coder.max_tokens), cache)


@torch.inference_mode()
def embed_means(coder: Coder, means: np.ndarray) -> np.ndarray:
    """Document embeddings (n, H) of notes whose mean token states are known.

    Where the embedding reads a note through its mean alone, see :func:`reads_mean_alone`, a mean stands for the note
    as a single token: a second bundle over the same encoder costs no second pass.

    Raises:
        ValueError: the embedding reads the codes as well.

    Shape:
        means: (n, H) unit rows of a coder with the same encoder, see :func:`same_encoder`.
    """
    if not reads_mean_alone(coder):
        raise ValueError("the embedding reads the codes: encode the notes")
    states = torch.from_numpy(means).to(coder.device)[:, None, :]
    mask = torch.ones(len(means), 1, dtype=torch.bool, device=coder.device)
    embeddings: np.ndarray = coder.network.document_embedding(states, mask).cpu().numpy()
    return embeddings


def reads_mean_alone(coder: Coder) -> bool:
    """Whether the embedding of a note is a function of its mean token state: not where it reads the codes."""
    return coder.network.pooling == MEAN


def same_encoder(one: Coder, other: Coder) -> bool:
    """Whether both give the same token states: windows, precision, tokenizer and encoder weights are equal."""
    if (one.window, one.max_tokens, one.network.precision) != (other.window, other.max_tokens, other.network.precision):
        return False
    if _tokenization(one.tokenizer) != _tokenization(other.tokenizer):
        return False
    ours, theirs = one.network.encoder.state_dict(), other.network.encoder.state_dict()
    if ours.keys() != theirs.keys():
        return False
    return all(torch.equal(tensor.cpu(), theirs[name].cpu()) for name, tensor in ours.items())


def _tokenization(tokenizer: Any) -> dict[str, Any]:
    """What a tokenizer does to a text, without its own truncation and padding, which windows never use."""
    settings: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    return {name: value for name, value in settings.items() if name not in ("truncation", "padding")}


def _stack(rows: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(rows) if rows else np.zeros((0, 0), dtype=np.float32)
