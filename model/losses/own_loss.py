"""A loss of one's own: a class of a module, named ``module:Class``, or by a name that an installed package gives it.

The class is a ``torch.nn.Module`` that takes ``temperature`` and maps unit rows (B, D) and their labels to a scalar, as
:class:`model.losses.pair_loss.PairLoss` does. A package names its classes in the entry points ``icd_coder.losses``.
"""

import hashlib
import importlib
import inspect
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.errors import InvalidOption
from model.label_sets import LabelSets

GROUP = "icd_coder.losses"
TRIALS = {
    "some of whose notes share a label": [[0, 2], [0], [1, 2], []],
    "no two notes share a label": [[0], [1], [2], []],
}
LABELS, NOTES, COLUMNS = 3, 4, 8


def own_loss(
    name: str, temperature: float, flag: str = "--loss", *, queue: bool = False, built_in: Sequence[str] = ()
) -> nn.Module:
    """The loss, made and tried on two small batches.

    Args:
        name: ``module:Class``, the module installed or in the current folder; or a name among the entry points.
        flag: for messages.
        queue: whether it will be called with further candidates, ``loss(z, labels, candidates, their_labels,
            self_index)``.
        built_in: names that need no class, for messages.

    Raises:
        InvalidOption: there is no such module, class or name; it cannot be made; or what it returns is no scalar that
            can be trained with.
    """
    return _Named(flag, name, built_in).made(temperature, queue)


@cache
def own_loss_digest(name: str) -> str:
    """SHA-256 of the source file of the loss, as it was at the first call; modules that it imports have no part.

    What was trained with the loss records it.

    Raises:
        InvalidOption: as :func:`own_loss`.
    """
    path = inspect.getsourcefile(_Named("--loss", name).found())
    return "no source file" if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()


class _Named:
    """The class that an option names."""

    def __init__(self, flag: str, name: str, built_in: Sequence[str] = ()) -> None:
        self._flag, self._name, self._built_in = flag, name, built_in

    def made(self, temperature: float, queue: bool) -> nn.Module:
        found = self.found()
        with torch.random.fork_rng(devices=[]):
            for what, rows in TRIALS.items():
                self._try(self._new(found, temperature), what, rows, queue)
        return self._new(found, temperature)

    def found(self) -> type[nn.Module]:
        module, _, attribute = self._place().partition(":")
        if not module or not attribute:
            raise self._wrong("a module or a class is missing", "write module:Class")
        found = getattr(self._module(module), attribute, None)
        if found is None:
            raise self._wrong(f"the module '{module}' has no '{attribute}'", "name a class that it has")
        if not (isinstance(found, type) and issubclass(found, nn.Module)):
            raise self._wrong(f"'{attribute}' of '{module}' is no subclass of torch.nn.Module", "make it one")
        return found

    def _place(self) -> str:
        """The name as module:Class."""
        if ":" in self._name:
            return self._name
        places = {each.value for each in entry_points(group=GROUP, name=self._name)}
        if not places:
            raise InvalidOption(
                f"{self._flag} must be one of {', '.join(self._built_in)}, a class as module:Class, or a name of the "
                f"entry points {GROUP} of an installed package, got '{self._name}'"
            )
        if len(places) > 1:
            raise self._wrong(f"{len(places)} installed packages announce this name", "write module:Class")
        return places.pop()

    def _module(self, name: str) -> Any:
        here = str(Path.cwd())
        if here not in sys.path:  # a console script has its own folder there instead; last, so that it hides nothing
            sys.path.append(here)
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise self._wrong(f"'{name}' imports '{error.name}', which is not installed", "install it") from None
            raise self._wrong(
                f"no module '{name}' is installed or in this folder", "write the module as in an import, without .py"
            ) from None
        except Exception as error:
            raise self._wrong(f"the module '{name}' cannot be imported ({_short(error)})", "fix it") from error

    def _new(self, found: type[nn.Module], temperature: float) -> nn.Module:
        try:
            inspect.signature(found).bind(temperature=temperature)
        except TypeError:
            raise self._wrong(
                f"{found.__name__} does not take the arguments (temperature={temperature:g})",
                "give __init__ a temperature, and other arguments defaults",
            ) from None
        try:
            loss = found(temperature=temperature)
        except Exception as error:
            raise self._wrong(
                f"{found.__name__}(temperature={temperature:g}) raises {_short(error)}", "fix it"
            ) from error
        if any(each.requires_grad for each in loss.parameters()):
            raise self._wrong(f"{found.__name__} has weights of its own, which no optimiser would train", "use buffers")
        return loss

    def _try(self, loss: nn.Module, what: str, rows: list[list[int]], queue: bool) -> None:
        numbers = torch.linspace(-1, 1, NOTES * COLUMNS).sin().view(NOTES, COLUMNS)
        z = F.normalize(numbers, dim=1).requires_grad_()
        labels = LabelSets.from_rows(rows, LABELS)
        more = (torch.cat([z, -z.detach()]), LabelSets.joined([labels, labels]), torch.arange(NOTES)) if queue else ()
        where = f"on a batch of {NOTES} notes, {what}" + (", and a queue" if queue else "")
        try:
            with torch.enable_grad():
                value = loss(z, labels, *more)
        except Exception as error:
            raise self._wrong(f"{where} it raises {_short(error)}", "fix it") from error
        if not isinstance(value, Tensor) or value.ndim:
            found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
            raise self._wrong(f"{where} it returns a value of {found}", "return a scalar tensor")
        if not value.isfinite():
            raise self._wrong(f"{where} it returns {value.item()}", "return a finite number, 0 where nothing is to do")
        self._require_gradient(value, z, where)

    def _require_gradient(self, value: Tensor, z: Tensor, where: str) -> None:
        if not value.requires_grad:
            raise self._wrong(f"{where} its value has no gradient", "compute it from the embeddings by torch")
        (gradient,) = torch.autograd.grad(value, z, allow_unused=True)
        if gradient is not None and not gradient.isfinite().all():
            raise self._wrong(f"{where} its gradient is not finite", "clamp what is divided by, or put under a root")

    def _wrong(self, what: str, remedy: str) -> InvalidOption:
        return InvalidOption(f"{self._flag} {self._name}: {what}: {remedy}")


def _short(error: Exception) -> str:
    """Type and first line of an error."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
