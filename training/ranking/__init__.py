"""Fits what model/ranking applies: combiner, calibration, thresholds, conformal sets."""

"""Fits the channels of the ranker on training notes."""
