"""Metrics, thresholds, intervals, baselines and the report of a coder on one split."""
