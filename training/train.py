"""From a dataset directory to a bundle: the one path that ``icd-coder train`` takes."""

import json
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
import torch

from model.bundle import BundleContents, save_bundle
from model.dataset import Dataset, Document, load_dataset
from model.encoder_source import EncoderSource, open_encoder
from model.errors import EmptyDataset, InvalidOption, OutputExists, UnwritableOutput
from model.network import CodingNetwork
from model.ranking.known_words import KnownWords
from model.staging import require_free, write_atomically
from model.thresholds import GLOBAL, GlobalThreshold, policy_named
from training.card import model_card, policies_card, readme
from training.contrastive import require_fitting_labels
from training.dataset_gold import codes_outside
from training.evaluation.gold import Gold
from training.evaluation.ranking import average_precisions
from training.evaluation.score_matrix import checked_scores
from training.evaluation.standing import cells_ahead
from training.network_run import build_network, notes_of, run_identity, train_network
from training.note_source import NoteSource
from training.protocol import ProtocolResult, begun_protocol, require_same_protocol
from training.ranking.known_words_fit import fit_known_words
from training.ranking.threshold_policies import FittedPolicies, fit_policies
from training.training_request import TrainingRequest

HELD_BACK = 0.1
"""Share of the patients that validate when the dev split is trained on."""


def train_bundle(request: TrainingRequest) -> str:
    """Train and write the bundle; returns its bundle_id, or "" in any but the first of several processes.

    Raises:
        IcdCoderError: whatever a user can mend; nothing is left at ``out`` then.
    """
    options = request.options
    require_free(request.out)
    dataset = load_dataset(request.data)
    if not len(dataset.labels):
        raise EmptyDataset(f"'{dataset.path}' has no code at all: there is nothing to learn")
    training, validation = _choose(dataset, request.fit_splits, options.seed)
    require_fitting_labels(options.loss, dataset.rows(training))
    if request.processes.first:
        _prepare_run_folder(request)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    encoder = open_encoder(options.encoder, request.allow_download)
    network = build_network(encoder, dataset, training, options)
    train_source, dev_source = (
        notes_of(network, encoder, dataset, documents, request) for documents in (training, validation)
    )
    extra = codes_outside(dataset, validation)
    subjects = [document.subject_id for document in validation]
    identity = run_identity(dataset, training, validation, options)
    validate = _validation_map(dev_source, extra)
    result = train_network(request, network, train_source, dev_source, subjects, request.run_folder, identity, validate)
    if not request.processes.first:
        return ""
    fitted = fit_policies(result.result.dev_scores, dev_source.rows, extra, subjects)
    known = fit_known_words(document.text for document in training)
    contents = _contents(request, dataset, encoder, network, result, len(dev_source), fitted, len(training), known)
    return save_bundle(request.out, contents)


def _choose(dataset: Dataset, fit_splits: tuple[str, ...], seed: int) -> tuple[Sequence[Document], Sequence[Document]]:
    """Documents to train on and to validate on, no patient in both."""
    if "test" in fit_splits:
        raise InvalidOption("--fit-splits must not name 'test': it is what a bundle is judged on")
    fitted = [document for split in dict.fromkeys(fit_splits) for document in dataset.require(split)]
    if "dev" not in fit_splits:
        return fitted, dataset.require("dev")
    subjects = sorted({document.subject_id for document in fitted})
    random = np.random.default_rng(seed)
    held = set(random.permutation(subjects)[: max(1, round(HELD_BACK * len(subjects)))].tolist())
    training = [document for document in fitted if document.subject_id not in held]
    if not training:
        raise EmptyDataset(f"'{dataset.path}' has a single patient: nothing is left to validate on")
    return training, [document for document in fitted if document.subject_id in held]


def _prepare_run_folder(request: TrainingRequest) -> None:
    folder = request.run_folder
    begun = begun_protocol(folder)
    if begun and not request.resume:
        raise OutputExists(
            f"'{folder}' holds an unfinished or earlier run: add --resume to go on with it, or remove the folder"
        )
    require_same_protocol(folder, request.options)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not begun:  # a run that goes on has the options that it began with
            options = {"preset": request.preset, **request.options.as_dict()}
            write_atomically(folder / "options.json", json.dumps(options, indent=2).encode())
    except OSError as error:
        raise UnwritableOutput(f"cannot write in '{folder.parent}' ({error.strerror}): choose another --out") from error


def _validation_map(source: NoteSource, extra: np.ndarray) -> Callable[[np.ndarray], float]:
    gold = Gold.from_rows(source.rows, source.num_labels, extra)
    if not gold.labelled.size:
        raise EmptyDataset("no validation document has a code: prepare the data with a larger dev split")
    columns = np.arange(source.num_labels)

    def validation_map(scores: np.ndarray) -> float:
        return float(average_precisions(gold, cells_ahead(checked_scores(scores, gold), gold, columns)).mean())

    return validation_map


def _contents(
    request: TrainingRequest,
    dataset: Dataset,
    encoder: EncoderSource,
    network: CodingNetwork,
    outcome: ProtocolResult,
    num_validation: int,
    fitted: FittedPolicies,
    num_training: int,
    known_words: KnownWords | None,
) -> BundleContents:
    options, result = request.options, outcome.result
    value = policy_named(fitted.policies, GLOBAL).everywhere
    tuned_on = "dev" if "dev" not in request.fit_splits else f"{HELD_BACK:.0%} of the patients, held back"
    first = outcome.first_stage
    card = model_card(dataset, encoder.name, options, result, value, tuned_on, num_training, num_validation, first)
    card["thresholds"] = policies_card(fitted)
    card["created"] = time.strftime("%Y-%m-%d", time.gmtime())
    card["versions"] = {name: version(name) for name in ("icd-coder", "torch", "transformers")}
    return BundleContents(
        network=network,
        tokenizer=encoder.tokenizer,
        labels=dataset.labels,
        threshold=GlobalThreshold(value, tuned_on),
        head=options.head,
        encoder_name=encoder.name,
        window=options.window,
        max_tokens=options.max_tokens,
        card=card,
        readme=readme(card),
        policies=fitted.policies,
        known_words=known_words,
    )
