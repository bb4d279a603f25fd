"""Comparison of a prepared dataset with what was published about it."""
