"""A dataclass field is a command-line flag: its type, default and help are told once."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.testing import CliRunner

from training.flags import Flag, from_flags, takes_flags_of
from training.options import TrainingOptions


@dataclass(frozen=True)
class Options:
    out: Annotated[Path, Flag("Folder.")]
    rate: Annotated[float, Flag("Rate.", low=0)] = 0.5
    weight: Annotated[float, Flag("Weight.", "--lambda")] = 1.0
    size: Annotated[int, Flag("Size.", default=None)] = 16
    fast: Annotated[bool, Flag("Fast.", "--fast")] = False
    ranker: Annotated[bool, Flag("Ranker.")] = True
    hidden: int = 7


def run(*arguments: str) -> tuple[Any, str]:
    """The options that a command got, and what it printed."""
    app, found = typer.Typer(), []

    @app.command()
    @takes_flags_of(Options)
    def command(word: Annotated[str, typer.Option(help="A word.")] = "none", **values: Any) -> None:
        """A command."""
        found.append((word, from_flags(Options, values)))

    result = CliRunner().invoke(app, [*arguments], env={"COLUMNS": "200", "TERM": "dumb"})
    return (found[0] if found else None), result.output


def test_defaults_are_those_of_the_fields() -> None:
    """A flag that starts from None leaves the default to the dataclass."""
    assert run("--out", "x") == (("none", Options(Path("x"))), "")


def test_given_values_reach_the_dataclass() -> None:
    """By the field's name, by a name of its own, and by the negative form of a bool."""
    given = run("--out", "x", "--rate", "2", "--lambda", "3", "--size", "4", "--fast", "--no-ranker", "--word", "a")[0]
    assert given == ("a", Options(Path("x"), 2.0, 3.0, 4, True, False))


def test_what_is_out_of_range_or_missing_is_refused() -> None:
    """By typer, which names the flag; a field without a flag is none."""
    for arguments, said in ((["--out", "x", "--rate", "-1"], "--rate"), ([], "--out"), (["--hidden", "1"], "--hidden")):
        found, output = run(*arguments)
        assert found is None
        assert said in output


def test_every_training_option_but_two_is_a_flag() -> None:
    """Weight decay and clipping have one good value."""
    without = [field.name for field in fields(TrainingOptions) if not hasattr(field.type, "__metadata__")]
    assert without == ["weight_decay", "clip"]
