"""Fits what model/ranking applies: channels, combiner, calibration, thresholds, conformal sets."""
