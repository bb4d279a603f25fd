"""A bundle trained over a fully frozen encoder, which leaves its states in the cache."""

from pathlib import Path

from training.options import TrainingOptions
from training.run.run_request import TrainingRequest
from training.run.train import train_bundle


def train_frozen(data: Path, out: Path, loss: str = "sd", ranker: bool = False) -> None:
    """One epoch of the tiny encoder; no word is hidden, so the states are those of the notes as they are."""
    options = TrainingOptions(
        encoder="tiny", loss=loss, epochs=1, batch_size=8, window=16, max_tokens=64, freeze_layers=2, learning_rate=1e-3
    )
    train_bundle(TrainingRequest(data, out, options, ranker=ranker, least_patients=1))
