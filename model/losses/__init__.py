"""Multi-label supervised contrastive losses: (embeddings, labels) to a scalar."""

from model.losses.similarity_dissimilarity import SimilarityDissimilarityLoss

__all__ = ["SimilarityDissimilarityLoss"]
