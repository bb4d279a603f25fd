"""The window encoder as an OpenVINO graph in int8, by NNCF's post-training quantisation.

Weights and the inputs of matrix products become int8; softmax, LayerNorm and GELU stay in floating point. NNCF's
settings for transformers apply (SmoothQuant, Xiao et al. 2023, and bias correction).
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.encoder import WindowEncoder
from model.errors import MissingInput, UnwritableOutput
from model.int8_encoder import GRAPH, require_openvino


class _WholeWindows(nn.Module):
    """The encoder for windows without padding: no mask, and nothing that depends on values, so it can be traced."""

    def __init__(self, encoder: WindowEncoder) -> None:
        super().__init__()
        self.embeddings = encoder.embeddings
        self.layers = encoder.layers

    def forward(self, input_ids: Tensor) -> Tensor:
        states: Tensor = self.embeddings(input_ids=input_ids)
        for layer in self.layers:
            states = layer(states, None)
        return states


def write_int8_encoder(encoder: WindowEncoder, calibration: Sequence[np.ndarray], folder: Path) -> None:
    """Convert, quantise on the windows, and write the graph with its weights into ``folder``.

    Args:
        encoder: in float32, on the CPU.
        calibration: windows, each (W, T) int64.

    Raises:
        MissingInput: OpenVINO or NNCF is not installed.
        UnwritableOutput: the files cannot be written.
    """
    openvino, nncf = require_openvino(), _require_nncf()
    with redirect_stdout(sys.stderr):  # NNCF draws its progress on standard output
        quantised = nncf.quantize(
            converted_encoder(openvino, encoder, calibration[0]),
            nncf.Dataset(calibration),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(calibration),
        )
    folder.mkdir()
    try:
        openvino.save_model(quantised, folder / GRAPH)
    except RuntimeError as error:
        raise UnwritableOutput(
            f"the int8 encoder cannot be written beside '{folder.parent.name}': free some room"
        ) from error


def converted_encoder(openvino: Any, encoder: WindowEncoder, example: np.ndarray) -> Any:
    """The encoder as an OpenVINO model of ids (W, T) int64, any W and T, to states (W, T, H) in float32."""
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing warns of every Python condition, and of itself; a test compares the graph with the encoder.
        warnings.simplefilter("ignore")
        return openvino.convert_model(
            _WholeWindows(encoder).eval(),
            example_input=(torch.from_numpy(example),),
            input=[openvino.PartialShape([-1, -1])],
        )


def _require_nncf() -> Any:
    try:
        import nncf
    except ImportError as error:
        raise MissingInput(
            "`icd-coder export --format openvino` needs NNCF, which is not installed: "
            "pip install -c constraints.txt 'icd-coder[openvino]'"
        ) from error
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf
