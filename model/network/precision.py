"""The number format that the network computes in: chosen for training, recorded in the bundle, chosen for serving."""

import torch

from model.errors import InvalidOption

NETWORK_PRECISIONS = ("fp32", "bf16")
"""Precisions that a network is trained in and that a bundle records."""
SERVED_PRECISIONS = ("auto", *NETWORK_PRECISIONS, "int8")
"""Values of ``--precision`` when a bundle is opened."""
RECORDED = "recorded"
"""The precision that training wrote into the bundle, even where an int8 encoder was added since."""


def trained_precision(wanted: str, device: str) -> str:
    """fp32 or bf16; ``auto`` is bf16 where the hardware multiplies in it.

    On a CPU with AVX-512 BF16 the encoder was measured 2 to 4 times as fast in bf16; without those instructions
    bf16 is emulated and slower than fp32.

    Raises:
        InvalidOption: an unknown precision.
    """
    if wanted in NETWORK_PRECISIONS:
        return wanted
    if wanted != "auto":
        raise InvalidOption(f"--precision must be one of auto, {', '.join(NETWORK_PRECISIONS)}, got '{wanted}'")
    return "bf16" if multiplies_in_bf16(device) else "fp32"


def served_precision(wanted: str, recorded: str, exported: bool, device: str = "cpu") -> str:
    """fp32, bf16 or int8.

    ``auto`` is what the bundle was made for: int8 where ``icd-coder export`` added that encoder, else what
    training recorded. It never depends on the machine, since embeddings of two precisions must not mix.

    Args:
        wanted: one of SERVED_PRECISIONS, or RECORDED.
        recorded: the bundle's own precision, fp32 or bf16.
        exported: whether the bundle holds an int8 encoder.

    Raises:
        InvalidOption: an unknown precision, int8 without its encoder, or int8 on a GPU.
    """
    if wanted not in (*SERVED_PRECISIONS, RECORDED):
        raise InvalidOption(f"--precision must be one of {', '.join(SERVED_PRECISIONS)}, got '{wanted}'")
    chosen = wanted
    if wanted == RECORDED:
        chosen = recorded
    elif wanted == "auto":
        chosen = "int8" if exported else recorded
    if chosen == "int8" and not exported:
        raise InvalidOption(
            "--precision int8 needs a bundle with an int8 encoder: write one with "
            "`icd-coder export --bundle BUNDLE --format openvino --calibration DATA --out BUNDLE2`"
        )
    if chosen == "int8" and not device.startswith("cpu"):
        raise InvalidOption(f"int8 is for CPUs and the device is '{device}': add --precision bf16, or use --device cpu")
    return chosen


def network_precision(served: str) -> str:
    """fp32 or bf16: that of the torch network beside an int8 encoder is bf16 where the CPU has it, else fp32."""
    if served == "int8":
        return "bf16" if multiplies_in_bf16("cpu") else "fp32"
    return served


def multiplies_in_bf16(device: str) -> bool:
    """Whether the hardware has bf16 products; where it has none they are emulated, slower than fp32."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported())
