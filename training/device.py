"""Which number format the encoder computes in."""

import torch

from model.errors import InvalidOption
from model.network.precision import multiplies_in_bf16


def resolve_precision(wanted: str, device: str) -> str:
    """fp32 or bf16; ``auto`` is bf16 where the hardware multiplies in it.

    On a CPU with AVX-512 BF16 the encoder was measured 2 to 4 times as fast in bf16; without those instructions
    bf16 is emulated and slower than fp32.
    """
    if wanted in ("fp32", "bf16"):
        return wanted
    if wanted != "auto":
        raise InvalidOption(f"--precision must be one of auto, fp32, bf16, got '{wanted}'")
    return "bf16" if multiplies_in_bf16(device) else "fp32"


def resolve_device(wanted: str) -> str:
    """``auto`` is the GPU where there is one.

    Raises:
        InvalidOption: a GPU is named and there is none.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise InvalidOption(f"--device must be auto, cpu or cuda, got '{wanted}'") from error
    if device.type not in ("cpu", "cuda"):
        raise InvalidOption(f"--device must be auto, cpu or cuda, got '{wanted}'")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InvalidOption(
            f"--device '{wanted}' needs a GPU that torch can see: choose --device cpu, or install torch with CUDA"
        )
    return wanted
