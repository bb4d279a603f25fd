"""How fast training and prediction are, beside the form in which such models are published."""
