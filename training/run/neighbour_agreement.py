"""How much the codes of a note's nearest notes are its own: what a first stage is judged by, having no classifier."""

from collections.abc import Sequence

import numpy as np
import torch

from model.network.network import CodingNetwork
from training.optimise.batching import batch_limit, ordered_batches
from training.optimise.note_source import NoteSource
from training.options import TrainingOptions
from training.retrieval.measures import K, measure
from training.retrieval.search import nearest


def neighbour_jaccard(
    embeddings: np.ndarray, rows: Sequence[np.ndarray], subjects: Sequence[str], labels: int
) -> float:
    """Mean Jaccard index of a note's codes with those of its K nearest notes of other patients.

    Args:
        rows: distinct label columns of each note, of ``labels`` in all; a note without any is not asked about, but can
            be a neighbour.
        subjects: the patient of each note; an empty one is unknown, and such a note then only leaves itself out.

    Degenerate:
        0 where no note has both a code and a neighbour.

    Shape:
        embeddings (n, H) unit rows.
    """
    # A note of an unknown patient must not find itself: a name of its own keeps it out.
    known = np.array([subject or f"\0{place}" for place, subject in enumerate(subjects)])
    found = nearest(
        lambda start, stop: embeddings[start:stop] @ embeddings.T, known.tolist(), known, K, "validation neighbours"
    )
    jaccard = measure({"embedding": found}, rows, known.tolist(), rows, known, labels)["embedding"].jaccard
    asked = jaccard[~np.isnan(jaccard)]
    return float(asked.mean()) if len(asked) else 0.0


@torch.inference_mode()
def embed_notes(network: CodingNetwork, notes: NoteSource, options: TrainingOptions, device: str) -> np.ndarray:
    """Embeddings (n, H) float32 in the order of the notes."""
    network.eval()
    embeddings = np.zeros((len(notes), network.encoder.hidden_size), dtype=np.float32)
    for indices in ordered_batches(notes.sizes, batch_limit(options)):
        batch = notes.batch(indices).to(device)
        embeddings[indices] = network.embed(network.token_states(batch), batch.note_mask).float().cpu().numpy()
    return embeddings
