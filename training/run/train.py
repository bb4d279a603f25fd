"""From a dataset directory to a bundle: the one path that ``icd-coder train`` takes."""

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import torch

from model.atomic_output import require_free, write_atomically
from model.bundle import BundleContents, save_bundle
from model.dataset import Dataset, load_dataset
from model.errors import EmptyDataset, InvalidOption, OutputExists, UnwritableOutput
from model.network.encoder_source import EncoderSource, open_encoder
from model.private_files import make_folder
from model.ranking.ranker import Ranker
from model.ranking.thresholds import GLOBAL, GlobalThreshold, policy_named
from training.ranking.fit_code_counts import with_counts_of_scores
from training.ranking.known_words_fit import fit_known_words
from training.ranking.lexical_fit import lexical_fit
from training.ranking.note_kind_fit import FittedKind, fit_note_kind
from training.ranking.ranker_fit import counted, fit_ranker
from training.ranking.threshold_policies import FittedPolicies, fit_policies
from training.run.model_card import model_card, policies_card, ranker_card, readme
from training.run.protocol import begun_run, require_same_protocol
from training.run.run_request import TrainingRequest
from training.run.trained import Trained
from training.run.with_folds import train_by_folds
from training.run.with_validation import train_validated
from training.run.words_card import words_card, words_said


def train_bundle(request: TrainingRequest) -> str:
    """Train and write the bundle; returns its bundle_id, or "" in any but the first of several processes.

    Raises:
        IcdCoderError: whatever a user can mend; nothing is left at ``out`` then.
    """
    options = request.options
    require_free(request.out)
    if "test" in request.fit_splits:
        raise InvalidOption("--fit-splits must not name 'test': it is what a bundle is judged on")
    dataset = load_dataset(request.data)
    if not len(dataset.labels):
        raise EmptyDataset(f"'{dataset.path}' has no code at all: there is nothing to learn")
    if request.processes.first:
        _prepare_run_folder(request)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    encoder = open_encoder(options.encoder, request.allow_download)
    trained = (train_by_folds if request.by_folds else train_validated)(request, dataset, encoder)
    if not request.processes.first:
        return ""
    subjects = [document.subject_id for document in trained.held]
    policies = fit_policies(trained.scores, trained.rows, trained.extra, subjects)
    policies = with_counts_of_scores(policies, trained.scores, trained.rows)
    ranker, measured = _ranker(request, dataset, trained)
    kind = fit_note_kind(trained.learned_from, trained.embeddings, trained.parts, request.least_patients)
    if kind is not None:
        measured["note_kind"] = kind.card
    contents = _contents(request, dataset, encoder, trained, policies, ranker, kind, measured)
    bundle_id = save_bundle(request.out, contents)
    sys.stderr.write(f"icd-coder: {words_said(contents.card['words'])}\n")
    return bundle_id


def _ranker(request: TrainingRequest, dataset: Dataset, trained: Trained) -> tuple[Ranker | None, dict[str, Any]]:
    """The ranker and its entry in the card; the network is not thrown away where there are too few notes for one."""
    if not trained.parts:
        return None, {}
    try:
        fitted = fit_ranker(
            trained.parts, trained.learned_from, lexical_fit(dataset, request.code_universe, request.least_patients)
        )
    except EmptyDataset as error:
        sys.stderr.write(f"icd-coder: the bundle gets no ranker, the classifier answers alone: {error}\n")
        return None, {"ranker": {"out_of_reach": str(error)}}
    return fitted.ranker, {"ranker": ranker_card(fitted)}


def _prepare_run_folder(request: TrainingRequest) -> None:
    folder = request.run_folder
    begun = begun_run(folder)
    if begun and not request.resume:
        raise OutputExists(
            f"'{folder}' holds an unfinished or earlier run: add --resume to go on with it, or remove the folder"
        )
    require_same_protocol(folder, request.options)
    try:
        make_folder(folder)
        if not begun:  # a run that goes on has the options that it began with
            options = {"preset": request.preset, **request.options.as_dict()}
            write_atomically(folder / "options.json", json.dumps(options, indent=2).encode())
    except OSError as error:
        raise UnwritableOutput(f"cannot write in '{folder.parent}' ({error.strerror}): choose another --out") from error


def _contents(
    request: TrainingRequest,
    dataset: Dataset,
    encoder: EncoderSource,
    trained: Trained,
    fitted: FittedPolicies,
    ranker: Ranker | None,
    kind: FittedKind | None,
    measured: dict[str, Any],
) -> BundleContents:
    options = request.options
    value = policy_named(fitted.policies, GLOBAL).everywhere
    card = model_card(dataset, encoder.name, options, trained, value) | measured
    card["thresholds"] = policies_card(fitted)
    known_words = fit_known_words(trained.learned_from, request.least_patients)
    note_kind = None if kind is None else kind.kind
    card["words"] = words_card(
        trained.learned_from, request.least_patients, trained.common, ranker, known_words, note_kind
    )
    card["created"] = time.strftime("%Y-%m-%d", time.gmtime())
    card["versions"] = {name: version(name) for name in ("icd-coder", "torch", "transformers")}
    return BundleContents(
        network=trained.network,
        tokenizer=encoder.tokenizer,
        labels=counted(dataset.labels, trained.learned_from),
        threshold=GlobalThreshold(value, trained.tuned_on),
        head=options.head,
        encoder_name=encoder.name,
        window=options.window,
        max_tokens=options.max_tokens,
        card=card,
        readme=readme(card),
        policies=fitted.policies,
        ranker=ranker,
        known_words=known_words,
        note_kind=note_kind,
    )
