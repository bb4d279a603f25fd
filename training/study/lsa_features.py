"""Text features without a neural encoder: latent semantic analysis, fitted on the training documents.

TF-IDF with logarithmic counts, then a truncated singular value decomposition (Deerwester et al. 1990), both of
scikit-learn. It reads a text of any length, where the frozen encoder reads the first tokens only.
"""

from collections.abc import Sequence

import numpy as np

LSA = "lsa"
COMPONENTS, WORDS = 256, 20_000


def lsa_features(texts: Sequence[str], of_train: np.ndarray) -> np.ndarray:
    """Features (n, at most COMPONENTS) float32 of all texts, fitted on those that ``of_train`` (n,) marks."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, max_features=WORDS, min_df=2, dtype=np.float32)
    counts = words.fit_transform([text for text, mine in zip(texts, of_train.tolist(), strict=True) if mine])
    components = min(COMPONENTS, min(counts.shape) - 1)
    reduced = TruncatedSVD(components, random_state=0).fit(counts)
    features: np.ndarray = reduced.transform(words.transform(texts)).astype(np.float32)
    return features
