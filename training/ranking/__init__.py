"""Fits what model/ranking applies: the lexical channels, combiner, calibration, thresholds, conformal sets."""
