"""The plain rival of a coder: TF-IDF of words and pairs of words, and a linear least-squares classifier for each code.

Ridge regression one-vs-rest (Rifkin, Yeo and Poggio 2003, "Regularized least-squares classification"), all codes at
once. A linear support vector machine for each code is no better and takes hundreds of times as long: CodiEsp English,
500 training cases, dev MAP 0.248 in 0.4 s; with scikit-learn's LinearSVC 0.240 in 46 s, for the best C of each.
"""

from collections.abc import Sequence

import numpy as np

from training.evaluation.baselines import NeighbourSettings, fit_tfidf

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Values of ridge regression's alpha that are tried: 1 / C of a support vector machine, up to a constant."""
WORD_PAIRS = NeighbourSettings(ngram_range=(1, 2))
MOST_DOCUMENTS = 10_000
"""Training documents that are learned from, a random sample where there are more: 0.8 GB for their similarities."""


def linear_scores(
    texts: list[str], rows: Sequence[np.ndarray], asked: list[str], num_labels: int, seed: int = 0
) -> dict[float, np.ndarray]:
    """For each penalty the scores of the asked texts, (n, L) float32.

    A score estimates the share of documents like this one that have the code, not bounded to 0 to 1: one scale for all
    codes, so that one ranking and one threshold suit them. A code without a training document has 0.

    Args:
        rows: label columns of each training document.

    Raises:
        MalformedInput: the training texts share no word.
    """
    from sklearn.kernel_ridge import KernelRidge  # the dual form: documents are fewer than words

    chosen = np.sort(np.random.default_rng(seed).permutation(len(texts))[:MOST_DOCUMENTS]).tolist()
    vectorizer, fitted = fit_tfidf([texts[place] for place in chosen], WORD_PAIRS)
    queries = vectorizer.transform(asked)
    truth = np.zeros((len(chosen), num_labels), dtype=np.float32)
    for line, place in zip(truth, chosen, strict=True):
        line[rows[place]] = 1.0
    share = truth.mean(axis=0)
    found = {}
    for penalty in PENALTIES:
        model = KernelRidge(alpha=penalty, kernel="linear").fit(fitted, truth - share)
        found[penalty] = (model.predict(queries) + share).astype(np.float32)
    return found
