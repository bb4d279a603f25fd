"""What one channel says about candidate codes of a note."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChannelFeatures:
    """Features of some columns of the code universe."""

    columns: np.ndarray
    """Candidates, int64 ascending (C,)."""
    values: np.ndarray
    """float32 (C, F)."""
    names: tuple[str, ...]
    """Of the F features, such as "lexicon.best": the channel, a dot, and what it says."""
