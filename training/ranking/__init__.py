"""Fits what model/ranking applies: combiner, calibration, thresholds, conformal sets."""
