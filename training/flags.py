"""Command-line flags that are declared once, at the fields of a dataclass.

A field of the type ``Annotated[int, Flag("Most epochs.")]`` is the flag ``--epochs`` of every command that is decorated
with :func:`takes_flags_of` its dataclass: type and default are those of the field.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, TypeVar, get_args

T = TypeVar("T")
Command = Callable[..., None]


@dataclass(frozen=True)
class Flag:
    """How a field is set on the command line."""

    help: str
    name: str | None = None
    """The flag where it is not the field's name; a bool with a name has no ``--no-`` form."""
    default: Any = ...
    """Where it is not the field's; None leaves the field's default to the code, which may depend on other flags."""
    type: Any = None
    """Where it is not the field's."""
    low: float | None = None
    high: float | None = None
    callback: Callable[..., Any] | None = None
    """Called as soon as the value is known, before all other flags are read."""


def takes_flags_of(*declared: type) -> Callable[[Command], Command]:
    """Decorate a command that takes ``**values``: they are the flags of the dataclasses, required ones first."""

    def decorate(command: Command) -> Command:
        own = [each for each in inspect.signature(command).parameters.values() if each.kind is not each.VAR_KEYWORD]
        flags = [_parameter(field, flag) for one in declared for field, flag in _flags(one)]
        flags.sort(key=lambda each: each.default is not each.empty)

        def run(**values: Any) -> None:
            command(**values)

        run.__doc__, run.__name__ = command.__doc__, command.__name__
        run.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in (*own, *flags)}
        return run

    return decorate


def from_flags(declared: type[T], values: Mapping[str, Any], **others: Any) -> T:
    """An instance of the dataclass from the values of its flags, None being the field's default."""
    names = {field.name for field, _ in _flags(declared)}
    given = {name: value for name, value in values.items() if name in names and value is not None}
    return declared(**given, **others)


def _flags(declared: type) -> list[tuple[Field[Any], Flag]]:
    found = [(field, getattr(field.type, "__metadata__", ())) for field in fields(declared)]
    return [(field, each) for field, marks in found for each in marks if isinstance(each, Flag)]


def _parameter(field: Field[Any], flag: Flag) -> inspect.Parameter:
    from typer import Option  # training/options.py is read on machines without typer

    kind = flag.type or get_args(field.type)[0]
    default = field.default if flag.default is ... else flag.default
    names = () if flag.name is None else (flag.name,)
    option = Option(
        *names, help=flag.help, min=flag.low, max=flag.high, callback=flag.callback, is_eager=bool(flag.callback)
    )
    if default is None:
        kind = kind | None
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=Annotated[kind, option],
    )
