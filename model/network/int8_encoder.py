"""The window encoder in int8, run by OpenVINO on a CPU; an optional extra that is imported only here.

``training/export`` writes the two files; nothing in them is code or a pickle.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.errors import BundleDamaged, MissingInput
from model.network.windows import WindowedNote

FOLDER = "openvino"
GRAPH, WEIGHTS = "encoder.xml", "encoder.bin"
WINDOWS_AT_ONCE = 32
"""Bounds the activations of a long note, as in the torch encoder."""


class Int8Encoder:
    """Token states of one note at a time; not for several threads at once."""

    def __init__(self, compiled: Any) -> None:
        """``compiled`` takes ids (W, T) int64 without padding and gives states (W, T, H)."""
        self._request = compiled.create_infer_request()
        self.hidden_size = int(compiled.output(0).get_partial_shape()[2].get_length())

    def token_states(self, note: WindowedNote) -> Tensor:
        """States (1, N, H) float32 of all the note's tokens.

        Windows of equal length run together, so that none needs padding or a mask; a note has two lengths at most.
        """
        starts = np.cumsum(note.lengths) - note.lengths
        states = np.empty((len(note.ids), self.hidden_size), dtype=np.float32)
        for length in np.unique(note.lengths):
            windows = starts[note.lengths == length][:, None] + np.arange(length)[None, :]  # (W, T)
            for first in range(0, len(windows), WINDOWS_AT_ONCE):
                tokens = windows[first : first + WINDOWS_AT_ONCE]
                outputs = self._request.infer({0: np.ascontiguousarray(note.ids[tokens])}, share_outputs=True)
                states[tokens] = outputs[0]
        return torch.from_numpy(states)[None]


def has_int8_encoder(bundle: Path) -> bool:
    """Whether ``icd-coder export`` has added one."""
    return (bundle / FOLDER / GRAPH).is_file()


def open_int8_encoder(bundle: Path, hidden_size: int, threads: int = 0) -> Int8Encoder:
    """The int8 encoder of a verified bundle, on ``threads`` threads; 0 for as many as torch has.

    Raises:
        MissingInput: OpenVINO is not installed.
        BundleDamaged: the files hold no encoder that fits the bundle.
    """
    openvino = require_openvino()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(),
        # Pinned threads would share their cores with torch's, which compute the label attention.
        "ENABLE_CPU_PINNING": False,
        # What stays in floating point stays in float32 on every CPU, so that embeddings agree between machines.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    graph = bundle / FOLDER / GRAPH
    try:
        encoder = Int8Encoder(openvino.Core().compile_model(graph, "CPU", settings))
    except (RuntimeError, IndexError) as error:
        raise BundleDamaged(f"'{graph}' cannot be opened by OpenVINO: export the bundle again") from error
    if encoder.hidden_size != hidden_size:
        raise BundleDamaged(
            f"'{graph}' has states of {encoder.hidden_size} values, the bundle of {hidden_size}: export it again"
        )
    return encoder


def require_openvino() -> Any:
    """The module openvino, unable to report its use to anybody.

    Raises:
        MissingInput: it is not installed.
    """
    # OpenVINO's converter and NNCF send usage events through this package; without it they stay silent.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
    except ImportError as error:
        raise MissingInput(
            "int8 needs OpenVINO, which is not installed: pip install -c constraints.txt 'icd-coder[openvino]', "
            "or choose --precision bf16 or fp32"
        ) from error
    return openvino
