"""The command line: maps a verb to the room that does it, and imports that room only when the verb runs."""

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from model.errors import IcdCoderError

VERBS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "synthetic admissions to a coded note with its neighbours, in one go"),
    "synth": ("training.commands", "write synthetic admissions in the tables of MIMIC-III"),
    "prepare": ("training.commands", "turn MIMIC-III, CodiEsp or a table into a dataset directory"),
    "train": ("training.commands", "train a coder and write its bundle"),
    "evaluate": ("training.commands", "measure a bundle on a split: report, plots, baselines"),
    "migrate": ("app.commands", "create or upgrade the database"),
    "index": ("app.commands", "store documents, codes and embeddings for the neighbour search"),
    "verify-index": ("app.commands", "check that every stored note is whole and found"),
    "backup": ("app.commands", "write the database into one file with checksums"),
    "restore": ("app.commands", "bring a backup into an empty database of either engine"),
    "code": ("app.commands", "code notes from files or standard input, without a server"),
    "serve": ("app.commands", "answer over HTTP"),
}


class Verbs(TyperGroup):
    """The root group: knows every verb's name and help line without importing its room."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, name: str) -> Any:
        if name not in VERBS:
            return None
        room = importlib.import_module(VERBS[name][0])
        group: Any = typer.main.get_group(room.commands)
        return group.get_command(ctx, name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, VERBS))
        lines = [
            "Usage: icd-coder VERB [OPTIONS]",
            "",
            "Clinical ICD coding with similar past notes as evidence.",
            "Research use, suggestions only, not a medical device.",
            "",
            *(f"  {name:<{width}}  {text}" for name, (_, text) in VERBS.items()),
            "",
            "Start with:  icd-coder demo",
            "Then:        icd-coder VERB --help",
        ]
        formatter.write("\n".join(lines) + "\n")


root = typer.Typer(cls=Verbs, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@root.callback()
def _root() -> None:
    """Clinical ICD coding with similar past notes as evidence."""


def main() -> None:
    """Entry point of the console command; an error that a user can mend is one line and exit code 2."""
    try:
        root()
    except IcdCoderError as error:
        print(f"icd-coder: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("icd-coder: stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
