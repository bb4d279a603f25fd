"""The linear baseline against a plain solution, and what it does with codes that teach nothing."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from training.evaluation import linear_baseline
from training.evaluation.linear_baseline import PENALTIES, linear_scores

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def random_texts(seed: int, count: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, size=12)) for _ in range(count)]


def test_scores_equal_ridge_regression_of_each_code() -> None:
    """On TF-IDF of words and pairs of words, around each code's share of the training documents."""
    train, asked = random_texts(1, 40), random_texts(2, 7)
    truth = np.random.default_rng(3).random((40, 5)) < 0.3
    found = linear_scores(train, [np.flatnonzero(line) for line in truth], asked, 5)
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2))
    features = vectorizer.fit_transform(train).toarray()
    queries = vectorizer.transform(asked).toarray()
    assert set(found) == set(PENALTIES)
    for penalty, scores in found.items():
        for column in range(5):
            model = Ridge(alpha=penalty, fit_intercept=False).fit(features, truth[:, column] - truth[:, column].mean())
            expected = model.predict(queries) + truth[:, column].mean()
            assert scores[:, column] == pytest.approx(expected, abs=1e-4)


def test_codes_that_teach_nothing() -> None:
    """A code of no training document scores 0, one of every training document 1."""
    rows = [np.array([1])] * 12
    for scores in linear_scores(random_texts(1, 12), rows, random_texts(2, 3), 3).values():
        assert scores == pytest.approx(np.tile([0.0, 1.0, 0.0], (3, 1)), abs=1e-6)


def test_a_word_that_only_one_code_has_finds_it() -> None:
    """Also from a sample of the training documents, which is drawn alike each time."""
    train = [f"{text} {'gout' if place % 3 == 0 else 'fall'}" for place, text in enumerate(random_texts(1, 60))]
    rows = [np.array([0 if place % 3 == 0 else 1]) for place in range(60)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(linear_baseline, "MOST_DOCUMENTS", 20)
        first, second = (linear_scores(train, rows, ["gout", "fall"], 2)[0.1] for _ in range(2))
    assert first.argmax(axis=1).tolist() == [0, 1]
    assert np.array_equal(first, second)
