"""How much the nearest training documents of a query share its labels."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from model.labels import multi_hot
from training.retrieval.measures import measure
from training.retrieval.search import NONE, Neighbours
from training.study.inputs import Part

K = 10
AT_ONCE = 512


def neighbour_agreement(
    queries: Part, embeddings: np.ndarray, train: Part, train_embeddings: np.ndarray, num_labels: int, k: int = K
) -> dict[str, np.ndarray]:
    """jaccard: mean label Jaccard of a query's k nearest training documents; share: of them with a common label;
    ndcg, rare: as :mod:`training.retrieval.measures` has them.

    Nearest by cosine; no document of the query's own subject is a neighbour (an empty subject is unknown). NaN for
    a query without labels or without a neighbour, and where a measure is not defined.

    Shape:
        embeddings (n, H), train_embeddings (T, H), unit rows; arrays (n,) float64 back.
    """
    here, there = _numbered(queries.subjects, train.subjects)
    labels = torch.from_numpy(multi_hot(queries.rows, num_labels)).float()
    train_labels = torch.from_numpy(multi_hot(train.rows, num_labels)).float()
    stored = torch.from_numpy(train_embeddings).T
    jaccard, share, nearest = [], [], []
    for start in range(0, len(queries), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        similarities = torch.from_numpy(embeddings[part]) @ stored
        similarities.masked_fill_(here[part, None] == there[None, :], -torch.inf)
        values, places = similarities.topk(min(k, len(train)), dim=1)
        overlap, union = _overlaps(labels[part], train_labels, places)
        found = values > -torch.inf
        nearest.append(torch.where(found, places, NONE))
        number = found.sum(dim=1).double().masked_fill(labels[part].sum(dim=1) == 0, 0)
        jaccard.append((overlap / union.clamp(min=1)).masked_fill(~found, 0).sum(dim=1) / number)
        share.append((overlap > 0).double().masked_fill(~found, 0).sum(dim=1) / number)
    indices = torch.cat(nearest).numpy() if nearest else np.zeros((0, k), dtype=np.int64)
    graded = measure(
        {"": Neighbours(indices, np.zeros(indices.shape))},
        queries.rows,
        queries.subjects.tolist(),
        train.rows,
        train.subjects,
        num_labels,
        k,
    )[""]
    return {
        "jaccard": _defined(jaccard),
        "share": _defined(share),
        "ndcg": graded.ndcg,
        "rare": graded.rare_recall,
    }


def _overlaps(labels: Tensor, train_labels: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """|S & T| and |S | T| of each query (b, L) and its neighbours (b, k), float64."""
    theirs = train_labels[places]  # (b, k, L)
    shared = torch.einsum("bl,bkl->bk", labels, theirs).double()
    return shared, labels.sum(dim=1, keepdim=True).double() + theirs.sum(dim=2).double() - shared


def _numbered(queries: np.ndarray, train: np.ndarray) -> tuple[Tensor, Tensor]:
    """Subjects as numbers; the empty one is -1 here and -2 there, so that it equals nobody."""
    names = {name: number for number, name in enumerate(np.unique(train).tolist()) if name}
    return (
        torch.tensor([names.get(name, -1) for name in queries.tolist()], dtype=torch.int64),
        torch.tensor([names.get(name, -2) for name in train.tolist()], dtype=torch.int64),
    )


def _defined(parts: Sequence[Tensor]) -> np.ndarray:
    """Joined; 0 / 0 and x / 0 are NaN."""
    values = torch.cat(list(parts)).numpy() if parts else np.zeros(0)
    joined: np.ndarray = np.where(np.isfinite(values), values, np.nan)
    return joined
