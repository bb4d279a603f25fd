"""Ranking: candidates of all channels, fused, calibrated and selected."""
