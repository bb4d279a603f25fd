"""A network and its notes, trained once: for the bundle, or for one fold of its notes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.dataset import Dataset, Document
from model.errors import InvalidOption
from model.labels import LabelSpace
from model.losses.own_loss import own_loss_digest
from model.network.encoder import longest_window
from model.network.encoder_source import EncoderSource
from model.network.network import CodingNetwork
from model.network.windows import WindowedNote, window_notes
from model.progress import progress_bar
from model.text.note_form import plain_texts
from training.optimise.compiler import require_compiler
from training.optimise.loop import TrainingResult, fit
from training.optimise.note_source import NoteSource, note_source
from training.options import LOSSES, TrainingOptions
from training.retrieval.measures import label_weights
from training.run.common_words import CommonWords
from training.run.initialise import start_from_frequencies, start_from_titles
from training.run.protocol import ProtocolResult, Validate, run_protocol
from training.run.run_request import TrainingRequest

TEXTS_AT_ONCE = 256


def build_network(
    encoder: EncoderSource, dataset: Dataset, training: Sequence[Document], options: TrainingOptions
) -> CodingNetwork:
    """The network before its first step, see :func:`network_for`."""
    counts = np.zeros(len(dataset.labels), dtype=np.int64)
    for columns in dataset.rows(training):
        counts[columns] += 1
    return network_for(encoder, dataset.labels, counts, len(training), options)


def network_for(
    encoder: EncoderSource, labels: LabelSpace, counts: np.ndarray, notes: int, options: TrainingOptions
) -> CodingNetwork:
    """The network before its first step.

    Args:
        counts: training notes of each label, int (L,), of ``notes`` in all.

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
        encoder.backbone, len(labels), options.head, options.precision, options.freeze_layers, options.pooling
    )
    network.encoder.recompute = options.gradient_checkpointing
    if options.compile:
        require_compiler()
        network.encoder.fuse()
    start_from_frequencies(network, counts, notes)
    start_from_titles(network, encoder.tokenizer, labels, label_weights(counts, notes))
    return network


def window_documents(
    encoder_tokenizer: object,
    documents: Sequence[Document],
    window: int,
    max_tokens: int,
    common: CommonWords | None = None,
) -> list[WindowedNote]:
    """Windows of every document, with progress; of its ``common`` words only, where they are given."""
    windowed: list[WindowedNote] = []
    with progress_bar("tokens", total=len(documents), unit="note") as bar:
        for first in range(0, len(documents), TEXTS_AT_ONCE):
            texts = plain_texts(document.text for document in documents[first : first + TEXTS_AT_ONCE])
            texts = texts if common is None else [common.learned_text(text) for text in texts]
            windowed += window_notes(encoder_tokenizer, texts, window, max_tokens)
            bar.update(len(texts))
    return windowed


def notes_of(
    network: CodingNetwork,
    encoder: EncoderSource,
    dataset: Dataset,
    documents: Sequence[Document],
    request: TrainingRequest,
    common: CommonWords | None = None,
) -> NoteSource:
    """Documents as the network reads them: their token ids, or the states of its frozen layers.

    Args:
        common: the words that it may learn from; None for all, as in an answer.
    """
    options, tokenizer = request.options, encoder.tokenizer
    windowed = window_documents(tokenizer, documents, options.window, options.max_tokens, common)
    rows = dataset.rows(documents)
    network.to(request.device)
    names = [document.document_id for document in documents]
    return request.processes.in_turn(
        lambda: note_source(
            network, windowed, rows, tokenizer.pad_token_id, request.cache_folder, request.device, names
        )
    )


def train_network(
    request: TrainingRequest,
    network: CodingNetwork,
    train: NoteSource,
    held: NoteSource,
    held_subjects: Sequence[str],
    folder: Path,
    identity: dict[str, Any],
    validate: Validate | None,
) -> ProtocolResult:
    """Train by the request's protocol; ``held`` validates, or with ``validate`` None is scored at the end only."""

    def fit_stage(
        options: TrainingOptions, folder: Path, identity: dict[str, Any], validate: Validate | None
    ) -> TrainingResult:
        return fit(
            network,
            train,
            held,
            options,
            folder,
            identity,
            validate,
            request.device,
            request.resume,
            request.checkpoint_minutes,
            request.processes,
        )

    return run_protocol(
        network, held, held_subjects, request.options, folder, identity, validate, fit_stage, request.device
    )


def run_identity(
    dataset: Dataset,
    training: Sequence[Document],
    held: Sequence[Document],
    options: TrainingOptions,
    least_patients: int,
) -> dict[str, Any]:
    """What a checkpoint must share with a run that goes on from it."""
    identity = {
        "label_space": dataset.labels.fingerprint,
        "documents": _fingerprint(training, held),
        **options.as_dict(),
    }
    if options.loss not in LOSSES:
        identity["loss_source"] = own_loss_digest(options.loss)
    if options.pooling == "mean":  # the only one of earlier versions, whose runs go on
        del identity["pooling"]
    # With 1 no word is hidden: runs of earlier versions, which hid none, go on.
    return identity if least_patients <= 1 else identity | {"least_patients": least_patients}


def _fingerprint(training: Sequence[Document], validation: Sequence[Document]) -> str:
    """Which documents a run trains and validates on: a checkpoint goes on with no others."""
    digest = hashlib.sha256()
    for documents in (training, validation):
        for document in documents:
            digest.update(f"{document.document_id}\t{document.codes}\t".encode())
            digest.update(document.text.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:12]
