"""Fits the channels of the ranker on training notes."""
