"""Peak memory of tensors while a block runs, counted at every operation."""

import weakref
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class PeakMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types for it
    """Context manager; ``peak`` is the most bytes of storages alive at once among those made inside.

    It counts what torch allocates for results, not what an operation uses and frees within itself. It makes
    operations slower: never time a block under it.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._live: dict[int, int] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        inputs = {one.untyped_storage().data_ptr() for one in args if isinstance(one, Tensor)}
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, Tensor):
                self._watch(tensor, inputs)
        self.peak = max(self.peak, sum(self._live.values()))
        return result

    def _watch(self, tensor: Tensor, inputs: set[int]) -> None:
        storage = tensor.untyped_storage()
        address = storage.data_ptr()
        if address and address not in self._live and address not in inputs:
            self._live[address] = storage.nbytes()
            weakref.finalize(storage, self._live.pop, address, None)
