"""Multi-label supervised contrastive losses: (embeddings, labels) to a scalar."""

from model.losses.all_any import AllLoss, AnyLoss
from model.losses.jaccard import JaccardLoss
from model.losses.jscl import JSCLLoss
from model.losses.mulsupcon import MulSupConLoss
from model.losses.multisupcon import MultiSupConLoss
from model.losses.similarity_dissimilarity import SimilarityDissimilarityLoss
from model.losses.supcon import SupConLoss

__all__ = [
    "AllLoss",
    "AnyLoss",
    "JSCLLoss",
    "JaccardLoss",
    "MulSupConLoss",
    "MultiSupConLoss",
    "SimilarityDissimilarityLoss",
    "SupConLoss",
]
