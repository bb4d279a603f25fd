"""Is the neighbour search any good: embeddings against each other, and the coder that neighbours make."""
