"""The window encoder as an OpenVINO graph in int8, by NNCF's post-training quantisation.

Weights and the inputs of linear layers become int8; embeddings, outlier channels, softmax, LayerNorm and GELU stay in
floating point. NNCF's settings for transformers apply (SmoothQuant, Xiao et al. 2023, and bias correction).
"""

import logging
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.errors import MissingInput, UnwritableOutput
from model.network.encoder import WindowEncoder
from model.network.int8_encoder import GRAPH, require_openvino
from training.export.outlier_channels import split_outliers

SPLIT_PRODUCTS = ".*/aten::matmul/MatMul.*"
"""The products of outlier channels, as OpenVINO names them; no other part of the encoder is named so."""


class WholeWindows(nn.Module):
    """A copy of the encoder for windows without padding: without a mask or branches on values, so it can be traced.

    As a copy, it can be changed (outlier channels are split off) without touching the encoder.
    """

    def __init__(self, encoder: WindowEncoder) -> None:
        super().__init__()
        self.embeddings = deepcopy(encoder.embeddings)
        self.layers = deepcopy(encoder.layers)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Ids (W, T) to states (W, T, H)."""
        states: Tensor = self.embeddings(input_ids=input_ids)
        for layer in self.layers:
            states = layer(states, None)
        return states


def write_int8_encoder(encoder: WindowEncoder, calibration: Sequence[np.ndarray], folder: Path) -> list[str]:
    """Convert, quantise on the windows, and write the graph with its weights into ``folder``.

    Returns the names of the layers whose outlier channels stay in floating point.

    Args:
        encoder: in float32, on the CPU.
        calibration: windows, each (W, T) int64.

    Raises:
        MissingInput: OpenVINO or NNCF is not installed.
        UnwritableOutput: the files cannot be written.
    """
    openvino, nncf = require_openvino(), _require_nncf()
    whole = WholeWindows(encoder).eval()
    split = split_outliers(whole, calibration)
    with redirect_stdout(sys.stderr):  # NNCF draws its progress on standard output
        quantised = nncf.quantize(
            converted_encoder(openvino, whole, calibration[0]),
            nncf.Dataset(calibration),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(calibration),
            ignored_scope=nncf.IgnoredScope(types=["Gather"], patterns=[SPLIT_PRODUCTS], validate=False),
        )
    folder.mkdir()
    try:
        openvino.save_model(quantised, folder / GRAPH)
    except RuntimeError as error:
        raise UnwritableOutput(
            f"the int8 encoder cannot be written beside '{folder.parent.name}': free some room"
        ) from error
    return split


def converted_encoder(openvino: Any, encoder: WholeWindows, example: np.ndarray) -> Any:
    """The encoder as an OpenVINO model of ids (W, T) int64, any W and T, to states (W, T, H) in float32."""
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing warns of every Python condition, and of itself; a test compares the graph with the encoder.
        warnings.simplefilter("ignore")
        return openvino.convert_model(
            encoder,
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
