"""The coding model: encoder, label attention, losses, lexicon, ranking, evidence, and the bundle that holds them."""
