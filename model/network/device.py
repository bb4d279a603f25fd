"""Which device the network runs on."""

import torch

from model.errors import InvalidOption


def resolve_device(wanted: str) -> str:
    """The device to use; ``auto`` is the GPU where torch sees one, else the CPU.

    Raises:
        InvalidOption: see :func:`require_device`.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    require_device(wanted)
    return wanted


def require_device(device: str) -> None:
    """Raise unless torch can compute on the device: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        InvalidOption: another kind of device, or a GPU that torch does not see.
    """
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise InvalidOption(f"--device must be cpu or cuda, got '{device}'") from error
    if found.type not in ("cpu", "cuda"):
        raise InvalidOption(f"--device must be cpu or cuda, got '{device}'")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise InvalidOption(
            f"--device '{device}' needs a GPU that torch can see ({torch.cuda.device_count()} seen): "
            "choose --device cpu, or install torch with CUDA"
        )
