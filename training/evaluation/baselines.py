"""What a coder must beat: the label prior, and the vote of the nearest training documents under TF-IDF."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.dataset import Document
from model.errors import EmptyDataset, MalformedInput
from model.ranking.neighbour_vote import label_votes

_QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class NeighbourSettings:
    """Settings of the TF-IDF neighbours.

    The defaults are strong ones without a word list, so they suit any language. CodiEsp English diagnoses,
    500 training cases, dev MAP: 0.193 with other cases of the same article excluded (0.202 with them); a
    plain vote, ``sharpness=1``, 0.184 (0.190). English stop words give 0.195, bigrams 0.185, the best of 32
    settings 0.196.
    """

    k: int = 30
    sharpness: float = 3.0
    """A vote weighs the similarity to this power, so that near neighbours decide."""
    ngram_range: tuple[int, int] = (1, 1)
    min_df: int = 2
    """Words in fewer training documents are left out."""
    stop_words: str | None = None
    """None, or "english"."""


def label_prior(train_rows: Sequence[np.ndarray], num_labels: int, num_documents: int) -> np.ndarray:
    """Each code's share of the training documents, the same for every document, float32 (n, L).

    Raises:
        EmptyDataset: no training document.
    """
    share = _training_share(train_rows, num_labels)
    return np.tile(share, (num_documents, 1))


def neighbour_votes(
    train: Sequence[Document],
    train_rows: Sequence[np.ndarray],
    documents: Sequence[Document],
    num_labels: int,
    settings: NeighbourSettings | None = None,
) -> np.ndarray:
    """Weighted share of each code among the k nearest training documents, float32 (n, L) in 0 to 1.

    Similarity is the cosine of TF-IDF vectors with sublinear term frequency, fitted on the training texts.
    Training documents of the query's own patient have no vote; equal similarity goes to the earlier
    training document; a document without a similar one scores 0 throughout.

    Args:
        train_rows: label columns of each training document.

    Raises:
        EmptyDataset: no training document.
        MalformedInput: the training texts share no word.
    """
    settings = settings or NeighbourSettings()
    if not train:
        raise EmptyDataset("the training split is empty: baselines need training documents")
    votes = np.zeros((len(documents), num_labels), dtype=np.float32)
    for row, (neighbours, similarity) in enumerate(_neighbours(train, documents, settings)):
        rows = [train_rows[neighbour] for neighbour in neighbours]
        votes[row] = label_votes(similarity, rows, num_labels, settings.sharpness)
    return votes


def _training_share(train_rows: Sequence[np.ndarray], num_labels: int) -> np.ndarray:
    if not len(train_rows):
        raise EmptyDataset("the training split is empty: baselines need training documents")
    counts = np.bincount(np.concatenate(train_rows).astype(np.int64), minlength=num_labels)
    return (counts / len(train_rows)).astype(np.float32)


def _neighbours(
    train: Sequence[Document], documents: Sequence[Document], settings: NeighbourSettings
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """At most k training documents of similarity above 0, best first, and the similarities, by document."""
    vectorizer, fitted = fit_tfidf([document.text for document in train], settings)
    patients = np.array([document.subject_id or "" for document in train])
    texts = [document.text for document in documents]
    subjects = [document.subject_id for document in documents]
    for start in range(0, len(texts), _QUERIES_AT_ONCE):
        queries = vectorizer.transform(texts[start : start + _QUERIES_AT_ONCE])
        for offset, line in enumerate((queries @ fitted.T).toarray()):
            subject = subjects[start + offset]
            if subject:
                line[patients == subject] = 0.0
            nearest = np.argsort(-line, kind="stable")[: settings.k]
            nearest = nearest[line[nearest] > 0]
            yield nearest, line[nearest]


def fit_tfidf(texts: list[str], settings: NeighbourSettings) -> tuple[Any, Any]:
    """The fitted vectorizer and the unit rows of the texts, a sparse (T, words) float32 matrix.

    Raises:
        MalformedInput: the texts share no word.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        sublinear_tf=True,
        min_df=min(settings.min_df, len(texts)),
        ngram_range=settings.ngram_range,
        stop_words=settings.stop_words,
        dtype=np.float32,
    )
    try:
        return vectorizer, vectorizer.fit_transform(texts)
    except ValueError as error:  # "empty vocabulary"
        raise MalformedInput(
            f"no word occurs in {settings.min_df} training documents, so there are no TF-IDF neighbours: "
            "leave them out or prepare more documents"
        ) from error
