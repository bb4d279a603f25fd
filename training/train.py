"""From a dataset directory to a bundle: the one path that ``icd-coder train`` takes."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.bundle import BundleContents, save_bundle
from model.dataset import Dataset, Document, load_dataset
from model.encoder import longest_window
from model.encoder_source import EncoderSource, open_encoder
from model.errors import EmptyDataset, InvalidOption, OutputExists, UnwritableOutput
from model.network import CodingNetwork
from model.progress import progress_bar
from model.ranking.known_words import KnownWords
from model.staging import require_free, write_atomically
from model.thresholds import GLOBAL, GlobalThreshold, policy_named
from model.windows import WindowedNote, window_notes
from training.card import model_card, policies_card, readme
from training.compiler import require_compiler
from training.contrastive import require_fitting_labels
from training.dataset_gold import codes_outside
from training.distributed import ALONE, Processes
from training.evaluation.gold import Gold
from training.evaluation.ranking import average_precisions
from training.evaluation.score_matrix import checked_scores
from training.evaluation.standing import cells_ahead
from training.initialise import start_from_frequencies, start_from_titles
from training.loop import CHECKPOINT_MINUTES, TrainingResult, fit
from training.note_source import NoteSource, note_source
from training.options import TrainingOptions
from training.protocol import ProtocolResult, Validate, begun_protocol, require_same_protocol, run_protocol
from training.ranking.known_words_fit import fit_known_words
from training.ranking.threshold_policies import FittedPolicies, fit_policies
from training.run_folders import beside, cache_folder

TEXTS_AT_ONCE = 256
HELD_BACK = 0.1
"""Share of the patients that validate when the dev split is trained on."""


@dataclass(frozen=True)
class TrainingRequest:
    """Where a run reads and writes, beside its options."""

    data: Path
    out: Path
    options: TrainingOptions
    fit_splits: tuple[str, ...] = ("train",)
    cache: Path | None = None
    device: str = "cpu"
    resume: bool = False
    allow_download: bool = False
    checkpoint_minutes: float = CHECKPOINT_MINUTES
    processes: Processes = ALONE
    preset: str | None = None
    """Where the options came from, for the record."""

    @property
    def run_folder(self) -> Path:
        """Log, TensorBoard scalars and checkpoints: beside the bundle, which is written once at the end."""
        return beside(self.out, ".run")

    @property
    def cache_folder(self) -> Path:
        return cache_folder(self.data, self.cache)


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
        _source(network, encoder, dataset, documents, request) for documents in (training, validation)
    )
    extra = codes_outside(dataset, validation)
    identity = {
        "label_space": dataset.labels.fingerprint,
        "documents": _fingerprint(training, validation),
        **options.as_dict(),
    }

    def fit_stage(
        options: TrainingOptions, folder: Path, identity: dict[str, Any], validate: Validate
    ) -> TrainingResult:
        return fit(
            network,
            train_source,
            dev_source,
            options,
            folder,
            identity,
            validate,
            request.device,
            request.resume,
            request.checkpoint_minutes,
            request.processes,
        )

    subjects = [document.subject_id for document in validation]
    validate = _validation_map(dev_source, extra)
    result = run_protocol(
        network, dev_source, subjects, options, request.run_folder, identity, validate, fit_stage, request.device
    )
    if not request.processes.first:
        return ""
    fitted = fit_policies(result.result.dev_scores, dev_source.rows, extra, subjects)
    known = fit_known_words(document.text for document in training)
    contents = _contents(request, dataset, encoder, network, result, len(dev_source), fitted, len(training), known)
    return save_bundle(request.out, contents)


def build_network(
    encoder: EncoderSource, dataset: Dataset, training: Sequence[Document], options: TrainingOptions
) -> CodingNetwork:
    """The network before its first step.

    Raises:
        InvalidOption: more frozen layers than layers, a window longer than the encoder's positions, or --compile
            without a compiler.
    """
    config = encoder.backbone.config
    if options.freeze_layers > config.num_hidden_layers:
        raise InvalidOption(
            f"--freeze-layers {options.freeze_layers} is more than the encoder's {config.num_hidden_layers} layers"
        )
    if options.views > 1 and options.freeze_layers == config.num_hidden_layers:
        raise InvalidOption(
            f"--views {options.views} needs a layer with dropout, and --freeze-layers {options.freeze_layers} "
            "trains none: freeze fewer, or leave --views out"
        )
    longest = longest_window(config)
    if options.window > longest:
        raise InvalidOption(f"--window {options.window} is longer than the encoder reads: at most {longest}")
    network = CodingNetwork(
        encoder.backbone, len(dataset.labels), options.head, options.precision, options.freeze_layers
    )
    network.encoder.recompute = options.gradient_checkpointing
    if options.compile:
        require_compiler()
        network.encoder.fuse()
    counts = np.zeros(len(dataset.labels), dtype=np.int64)
    for columns in dataset.rows(training):
        counts[columns] += 1
    start_from_frequencies(network, counts, len(training))
    start_from_titles(network, encoder.tokenizer, dataset.labels)
    return network


def window_documents(
    encoder_tokenizer: object, documents: Sequence[Document], window: int, max_tokens: int
) -> list[WindowedNote]:
    """Windows of every document, with progress."""
    windowed: list[WindowedNote] = []
    with progress_bar("tokens", total=len(documents), unit="note") as bar:
        for first in range(0, len(documents), TEXTS_AT_ONCE):
            texts = [document.text for document in documents[first : first + TEXTS_AT_ONCE]]
            windowed += window_notes(encoder_tokenizer, texts, window, max_tokens)
            bar.update(len(texts))
    return windowed


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


def _fingerprint(training: Sequence[Document], validation: Sequence[Document]) -> str:
    """Which documents a run trains and validates on: a checkpoint goes on with no others."""
    digest = hashlib.sha256()
    for documents in (training, validation):
        for document in documents:
            digest.update(f"{document.document_id}\t{document.codes}\t".encode())
            digest.update(document.text.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:12]


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


def _source(
    network: CodingNetwork,
    encoder: EncoderSource,
    dataset: Dataset,
    documents: Sequence[Document],
    request: TrainingRequest,
) -> NoteSource:
    options, tokenizer = request.options, encoder.tokenizer
    windowed = window_documents(tokenizer, documents, options.window, options.max_tokens)
    rows = dataset.rows(documents)
    network.to(request.device)
    names = [document.document_id for document in documents]
    return request.processes.in_turn(
        lambda: note_source(
            network, windowed, rows, tokenizer.pad_token_id, request.cache_folder, request.device, names
        )
    )


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
