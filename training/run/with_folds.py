"""Training on every note there is: the notes' own folds stand in for a split to validate on.

For each fold a classifier is trained without it and asked about it, so that thresholds and the ranker see what a
classifier says of notes that it does not know. The network of the bundle is then trained on all notes. Every run has
all epochs and keeps the last, so nothing is chosen on notes that are reported.
"""

from collections.abc import Sequence

import numpy as np
import torch

from model.dataset import Dataset, Document
from model.network.encoder_source import EncoderSource
from training.evaluation.label_space import codes_outside
from training.optimise.contrastive import require_fitting_labels
from training.ranking.candidate_pairs import note_folds
from training.ranking.ranker_fit import RankerFold
from training.run.common_words import common_words
from training.run.cross_fit import HeldOut, train_without
from training.run.neighbour_agreement import embed_notes
from training.run.network import build_network, notes_of, run_identity, train_network
from training.run.protocol import WITHOUT
from training.run.run_request import TrainingRequest
from training.run.trained import Trained
from training.run.with_validation import fitted_documents, validation_map


def train_by_folds(request: TrainingRequest, dataset: Dataset, encoder: EncoderSource) -> Trained:
    """Train one network a fold, then one on everything."""
    options = request.options
    documents = fitted_documents(dataset, request.fit_splits)
    require_fitting_labels(options.loss, dataset.rows(documents))
    folds = note_folds([document.subject_id for document in documents], request.ranker_folds, options.seed)
    network = build_network(encoder, dataset, documents, options)
    common = common_words(documents, request.least_patients)
    notes = notes_of(network, encoder, dataset, documents, request, common)
    as_sent = None if common is None else notes_of(network, encoder, dataset, documents, request)
    parts, scores = [], np.zeros((len(documents), len(dataset.labels)), dtype=np.float32)
    for fold in range(request.ranker_folds):
        folder = request.run_folder / f"{WITHOUT}{fold + 1}"
        found = train_without(request, dataset, documents, notes, folds == fold, folder, as_sent)
        scores[found.places] = found.probabilities
        parts.append(ranker_fold(documents, found))
    torch.manual_seed(options.seed)
    identity = run_identity(dataset, documents, [], options, request.least_patients)
    none = notes.some(np.zeros(0, dtype=np.int64))
    outcome = train_network(request, network, notes, none, [], request.run_folder, identity, None)
    extra = codes_outside(dataset, documents)
    measured = validation_map(notes.rows, notes.num_labels, extra)(scores)
    tuned_on = f"all notes, each by a network trained without its fold, {request.ranker_folds} folds by patient"
    embeddings = embed_notes(network, notes, options, request.device) if request.processes.first else None
    return Trained(
        network,
        outcome,
        documents,
        documents,
        scores,
        notes.rows,
        extra,
        measured,
        False,
        tuned_on,
        parts,
        embeddings,
        common,
    )


def ranker_fold(documents: Sequence[Document], found: HeldOut) -> RankerFold:
    """The held-out notes to judge by, the others to learn from."""
    others = np.setdiff1d(np.arange(len(documents)), found.places)
    return RankerFold(
        [documents[place] for place in others.tolist()],
        found.embeddings[others],
        [documents[place] for place in found.places.tolist()],
        found.embeddings[found.places],
        found.probabilities,
    )
