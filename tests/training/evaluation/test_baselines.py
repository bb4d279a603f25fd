"""The baselines: label prior and TF-IDF neighbours."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from model.dataset import Document
from model.errors import EmptyDataset, MalformedInput
from training.evaluation.baselines import NeighbourSettings, label_prior, neighbour_votes

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def invented(index: int, text: str, subject: str | None = None) -> Document:
    return Document(f"note-{index}", f"subject-{index}" if subject is None else subject, "train", text, ())


def random_documents(seed: int, count: int) -> list[Document]:
    generator = np.random.default_rng(seed)
    return [invented(100 * seed + i, " ".join(generator.choice(WORDS, size=12))) for i in range(count)]


def test_label_prior_is_the_training_frequency():
    """Every document gets each code's share of the training documents."""
    prior = label_prior([np.array([0, 2]), np.array([2])], 3, 2)
    assert prior.dtype == np.float32
    assert prior.tolist() == [[0.5, 0.0, 1.0]] * 2


def test_votes_equal_a_plain_loop():
    """The vote of the k nearest, each weighing its similarity to the power of the sharpness."""
    train, queries = random_documents(1, 30), random_documents(2, 9)
    rows = [np.flatnonzero(line) for line in np.random.default_rng(3).random((30, 6)) < 0.4]
    settings = NeighbourSettings(k=5, sharpness=2.0)
    votes = neighbour_votes(train, rows, queries, 6, settings)
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2)
    fitted = vectorizer.fit_transform([document.text for document in train])
    similarity = (vectorizer.transform([document.text for document in queries]) @ fitted.T).toarray()
    for query, line in enumerate(similarity):
        nearest = sorted(range(30), key=lambda i, line=line: -line[i])[:5]
        expected = np.zeros(6)
        for neighbour in nearest:
            expected[rows[neighbour]] += line[neighbour] ** 2
        assert votes[query] == pytest.approx(expected / sum(line[i] ** 2 for i in nearest), abs=1e-5)


def test_the_same_patient_has_no_vote():
    """A training note of the query's own patient is never a neighbour, however similar."""
    text = "alpha beta gamma"
    train = [
        invented(0, text, subject="subject-A"),
        invented(1, "alpha beta delta"),
        invented(2, "gamma delta"),
    ]
    rows = [np.array([0]), np.array([1]), np.array([1])]
    settings = NeighbourSettings(min_df=1)
    own = neighbour_votes(train, rows, [invented(9, text, subject="subject-A")], 2, settings)
    other = neighbour_votes(train, rows, [invented(9, text, subject="subject-B")], 2, settings)
    assert own.tolist() == [[0.0, 1.0]]
    assert other[0, 0] > 0.5


def test_documents_without_a_named_patient_exclude_nobody():
    """An empty subject is unknown, not one patient."""
    train = [invented(0, "alpha beta", subject=""), invented(1, "alpha beta", subject="")]
    query = invented(9, "alpha beta", subject="")
    votes = neighbour_votes(train, [np.array([0])] * 2, [query], 1)
    assert votes.tolist() == [[1.0]]


def test_a_code_of_an_evaluated_document_is_never_voted_for():
    """A code that only the evaluated document carries gets no vote, even for its own text."""
    planted = invented(9, "alpha beta gamma")
    train = random_documents(1, 12)
    votes = neighbour_votes(train, [np.array([0])] * 12, [planted], 2)
    assert votes[0, 1] == 0.0


def test_document_without_a_neighbour_scores_zero():
    """No shared word: zeros, not NaN."""
    train = [invented(i, "alpha beta") for i in range(4)]
    votes = neighbour_votes(train, [np.array([0])] * 4, [invented(9, "omega")], 1, NeighbourSettings())
    assert votes.tolist() == [[0.0]]


def test_no_training_documents():
    """Both baselines say that they need training documents."""
    with pytest.raises(EmptyDataset, match="training"):
        label_prior([], 3, 1)
    with pytest.raises(EmptyDataset, match="training"):
        neighbour_votes([], [], [invented(0, "alpha")], 3)


def test_training_texts_without_a_shared_word():
    """No vocabulary is one clear sentence without the texts."""
    train = [invented(i, word) for i, word in enumerate(WORDS)]
    with pytest.raises(MalformedInput, match="no word occurs in 2 training documents") as caught:
        neighbour_votes(train, [np.array([0])] * len(train), train, 1)
    assert "alpha" not in str(caught.value)
