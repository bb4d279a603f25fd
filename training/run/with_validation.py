"""Training with a split, or some of the patients, left to validate on."""

from collections.abc import Sequence

import numpy as np

from model.dataset import Dataset, Document
from model.errors import EmptyDataset
from model.network.encoder_source import EncoderSource
from training.evaluation.gold import Gold
from training.evaluation.label_space import codes_outside
from training.evaluation.ranking_metrics import mean_average_precision
from training.optimise.contrastive import require_fitting_labels
from training.ranking.ranker_fit import RankerFold
from training.run.common_words import common_words
from training.run.neighbour_agreement import embed_notes
from training.run.network import build_network, notes_of, run_identity, train_network
from training.run.protocol import Validate
from training.run.run_request import TrainingRequest
from training.run.trained import Trained

HELD_BACK = 0.1
"""Share of the patients that validate when the dev split is trained on and no ranker is wanted."""


def train_validated(request: TrainingRequest, dataset: Dataset, encoder: EncoderSource) -> Trained:
    """Train one network; validation chooses its epoch, and the thresholds are fitted on the same notes."""
    options = request.options
    training, validation = _choose(dataset, request.fit_splits, options.seed)
    require_fitting_labels(options.loss, dataset.rows(training))
    network = build_network(encoder, dataset, training, options)
    common = common_words(training, request.least_patients)
    train = notes_of(network, encoder, dataset, training, request, common)
    held = notes_of(network, encoder, dataset, validation, request)
    extra = codes_outside(dataset, validation)
    subjects = [document.subject_id for document in validation]
    identity = run_identity(dataset, training, validation, options, request.least_patients)
    validate = validation_map(held.rows, held.num_labels, extra)
    outcome = train_network(request, network, train, held, subjects, request.run_folder, identity, validate)
    scores, parts, embeddings = outcome.result.dev_scores, [], None
    if request.ranker and request.processes.first:
        embeddings, held_embeddings = (embed_notes(network, notes, options, request.device) for notes in (train, held))
        parts = [RankerFold(training, embeddings, validation, held_embeddings, scores)]
    return Trained(
        network,
        outcome,
        training,
        validation,
        scores,
        held.rows,
        extra,
        outcome.result.progress.best_map,
        True,
        "dev" if "dev" not in request.fit_splits else f"{HELD_BACK:.0%} of the patients, held back",
        parts,
        embeddings,
        common,
    )


def _choose(dataset: Dataset, fit_splits: tuple[str, ...], seed: int) -> tuple[Sequence[Document], Sequence[Document]]:
    """Documents to train on and to validate on, no patient in both."""
    fitted = fitted_documents(dataset, fit_splits)
    if "dev" not in fit_splits:
        return fitted, dataset.require("dev")
    subjects = sorted({document.subject_id for document in fitted})
    random = np.random.default_rng(seed)
    held = set(random.permutation(subjects)[: max(1, round(HELD_BACK * len(subjects)))].tolist())
    training = [document for document in fitted if document.subject_id not in held]
    if not training:
        raise EmptyDataset(f"'{dataset.path}' has a single patient: nothing is left to validate on")
    return training, [document for document in fitted if document.subject_id in held]


def fitted_documents(dataset: Dataset, fit_splits: tuple[str, ...]) -> Sequence[Document]:
    """Documents of the splits to train on."""
    if fit_splits == ("train",):
        return dataset.require("train")
    return [document for split in dict.fromkeys(fit_splits) for document in dataset.require(split)]


def validation_map(rows: Sequence[np.ndarray], num_labels: int, extra: np.ndarray) -> Validate:
    """The measure that chooses an epoch: MAP over all codes of a score matrix (n, L).

    Args:
        rows: label columns of each validation note.
        extra: codes of each that the label space lacks, (n,).

    Raises:
        EmptyDataset: no note has a code.
    """
    gold = Gold.from_rows(rows, num_labels, extra)
    if not gold.labelled.size:
        raise EmptyDataset("no validation document has a code: prepare the data with a larger dev split")
    return lambda scores: mean_average_precision(scores, gold)
