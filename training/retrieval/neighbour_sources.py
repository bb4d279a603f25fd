"""The systems that find neighbours: bundles, the raw encoder, TF-IDF and a random baseline."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array

from model.bundle import load_bundle
from model.coder import Coder
from model.dataset import Documents
from model.errors import InvalidOption, LabelSpaceMismatch, MissingInput
from model.network.encoder_source import MINILM, TINY, open_encoder
from model.network.network import CodingNetwork
from training.evaluation.baselines import NeighbourSettings, fit_tfidf
from training.retrieval.code_search import predicted_codes, stored_codes
from training.retrieval.encoded_notes import EncodedNotes, embed_means, encode_notes, reads_mean_alone, same_encoder
from training.retrieval.search import Neighbours, nearest

MOST_NEIGHBOURS = 100
"""Neighbours that are kept of each query: enough for every k of the k-NN coder."""
RAW, TFIDF, RANDOM = "raw encoder", "TF-IDF", "random documents"


@dataclass(frozen=True)
class Corpus:
    """Training documents and the queries of each split that is searched for."""

    train: Documents
    queries: dict[str, Documents]
    cache: Path | None = None
    """Folder of states that training left, see :func:`training.retrieval.encoded_notes.encode_notes`."""

    @property
    def train_subjects(self) -> np.ndarray:
        return np.array(self.train.subject_ids, dtype=object)


@dataclass(frozen=True)
class Found:
    """Neighbours of the queries by system and split, and the classifier's probabilities by split."""

    neighbours: dict[str, dict[str, Neighbours]]
    probabilities: dict[str, np.ndarray]


@dataclass(frozen=True)
class Bundles:
    """The coder that is evaluated, its name, and others to compare its neighbours with."""

    name: str
    coder: Coder
    others: dict[str, Coder]
    encoder: Coder
    """The encoder that training started from, in a coder whose embedding is the mean token state."""
    encoder_name: str


def open_bundles(bundle: Path, against: Sequence[Path], encoder: str | None, device: str) -> Bundles:
    """Load every bundle, and the encoder that the first one started from.

    Raises:
        MissingInput, BundleDamaged: a bundle or the encoder cannot be read.
        InvalidOption: a bundle is named twice.
        LabelSpaceMismatch: a bundle to compare with answers with other codes.
    """
    coder = load_bundle(bundle, device)
    names = {bundle_name(bundle, coder): coder}
    for path in against:
        other = load_bundle(path, device)
        if other.labels.fingerprint != coder.labels.fingerprint:
            raise LabelSpaceMismatch(f"'{path}' and '{bundle}' answer with other codes: compare bundles of one dataset")
        name = bundle_name(path, other)
        if name in names:
            raise InvalidOption(f"--against names '{path}', and '{name}' is there already: rename its folder")
        names[name] = other
    own = next(iter(names))
    others = {name: other for name, other in names.items() if name != own}
    raw, encoder_name = _raw(coder, encoder)
    return Bundles(own, coder, others, raw, encoder_name)


def bundle_name(path: Path, coder: Coder) -> str:
    """Name of a bundle in reports: its folder and its loss."""
    training = coder.card.get("training", {})
    loss = training.get("loss")
    weight = "" if loss in (None, "bce") else f", lambda {training.get('contrastive_weight')}"
    return f"{path.resolve().name} ({loss}{weight})" if loss else path.resolve().name


def find_all(bundles: Bundles, corpus: Corpus, seed: int) -> Found:
    """Neighbours by every system; each distinct encoder encodes each document once."""
    coder = bundles.coder
    encoded = {"train": encode_notes(coder, corpus.train, f"embed train, {bundles.name}", cache=corpus.cache)}
    for split, documents in corpus.queries.items():
        encoded[split] = encode_notes(coder, documents, f"embed {split}, {bundles.name}", True, corpus.cache)
    probabilities = {split: notes.probabilities for split, notes in encoded.items() if notes.probabilities is not None}
    neighbours = _served(bundles, encoded, probabilities, corpus)
    for name, other in {**bundles.others, RAW: bundles.encoder}.items():
        neighbours[name] = _search_vectors(name, _embeddings(name, other, coder, encoded, corpus), corpus)
    neighbours[TFIDF] = _search_tfidf(corpus)
    neighbours[RANDOM] = _search_vectors(RANDOM, _random_vectors(corpus, seed), corpus)
    return Found(neighbours, probabilities)


def _raw(coder: Coder, encoder: str | None) -> tuple[Coder, str]:
    training = coder.card.get("training", {})
    name = encoder or training.get("encoder")
    if name is None:
        raise InvalidOption("the bundle's card does not name its encoder: name it with --encoder minilm or a folder")
    if name not in (MINILM, TINY) and not Path(name).is_dir():
        raise MissingInput(f"the encoder '{name}' of the training is not a folder here: name it with --encoder")
    torch.manual_seed(training.get("seed", 0))  # the weights that `train --encoder tiny` started from
    source = open_encoder(name)
    positions = source.backbone.config.max_position_embeddings
    if coder.window > positions - 2:
        raise InvalidOption(f"--encoder '{name}' has {positions} positions, the bundle's windows {coder.window} tokens")
    # The residual of a new document embedding is zero, so this network embeds a note as its mean token state.
    network = CodingNetwork(source.backbone, 1, precision=coder.network.precision).to(coder.device).eval()
    return replace(coder, network=network, tokenizer=source.tokenizer), source.name


def _embeddings(
    name: str, other: Coder, coder: Coder, encoded: dict[str, EncodedNotes], corpus: Corpus
) -> dict[str, np.ndarray]:
    if reads_mean_alone(other) and same_encoder(other, coder):
        return {split: embed_means(other, notes.means) for split, notes in encoded.items()}
    splits = {"train": corpus.train, **corpus.queries}
    return {
        split: encode_notes(other, documents, f"embed {split}, {name}", cache=corpus.cache).embeddings
        for split, documents in splits.items()
    }


def _served(
    bundles: Bundles, encoded: dict[str, EncodedNotes], probabilities: dict[str, np.ndarray], corpus: Corpus
) -> dict[str, dict[str, Neighbours]]:
    """The bundle's neighbours as a service finds them; where codes have a share in it, by codes and text alone too."""
    coder, name = bundles.coder, bundles.name
    vectors = coder.code_vectors
    if vectors is None:
        return {name: _search_vectors(name, {split: notes.embeddings for split, notes in encoded.items()}, corpus)}
    stored = stored_codes((coder.codes.columns(document.codes) for document in corpus.train), vectors)
    codes = {
        split: predicted_codes(coder, documents, probabilities[split], f"rank {split}, {name}")
        for split, documents in corpus.queries.items()
    }
    systems = {name: vectors.code_share, f"{name}, codes alone": 1.0, f"{name}, text alone": 0.0}
    return {system: _search_mixed(system, share, encoded, codes, stored, corpus) for system, share in systems.items()}


def _search_mixed(
    name: str,
    share: float,
    encoded: dict[str, EncodedNotes],
    codes: dict[str, csr_array],
    stored: csr_array,
    corpus: Corpus,
) -> dict[str, Neighbours]:
    train = encoded["train"].embeddings

    def search(split: str) -> Neighbours:
        def similarity(start: int, stop: int) -> np.ndarray:
            by_text = encoded[split].embeddings[start:stop] @ train.T
            by_codes = (codes[split][start:stop] @ stored.T).toarray()
            found: np.ndarray = share * by_codes + (1 - share) * by_text
            return found

        return _nearest(similarity, split, name, corpus)

    return {split: search(split) for split in corpus.queries}


def _search_vectors(name: str, vectors: dict[str, np.ndarray], corpus: Corpus) -> dict[str, Neighbours]:
    train = vectors["train"]

    def search(split: str) -> Neighbours:
        queries = vectors[split]
        return _nearest(lambda start, stop: queries[start:stop] @ train.T, split, name, corpus)

    return {split: search(split) for split in corpus.queries}


def _search_tfidf(corpus: Corpus) -> dict[str, Neighbours]:
    vectorizer, fitted = fit_tfidf([document.text for document in corpus.train], NeighbourSettings())

    def search(split: str, documents: Documents) -> Neighbours:
        queries: Any = vectorizer.transform([document.text for document in documents])
        return _nearest(lambda start, stop: (queries[start:stop] @ fitted.T).toarray(), split, TFIDF, corpus)

    return {split: search(split, documents) for split, documents in corpus.queries.items()}


def _nearest(similarity: Any, split: str, name: str, corpus: Corpus) -> Neighbours:
    subjects = corpus.queries[split].subject_ids
    k = min(MOST_NEIGHBOURS, len(corpus.train))
    return nearest(similarity, subjects, corpus.train_subjects, k, f"search {split}, {name}")


def _random_vectors(corpus: Corpus, seed: int) -> dict[str, np.ndarray]:
    """Random vectors, for a baseline."""
    random = np.random.default_rng(seed)
    sizes = {"train": len(corpus.train)} | {split: len(documents) for split, documents in corpus.queries.items()}
    return {split: random.normal(size=(size, 32)).astype(np.float32) for split, size in sizes.items()}
