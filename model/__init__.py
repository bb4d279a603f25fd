"""Everything a bundle needs to answer: labels, windows, encoder, label attention, losses, coder, bundle."""
