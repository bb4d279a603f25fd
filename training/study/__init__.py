"""The study of the losses: many small runs over frozen features, and the report on them."""
