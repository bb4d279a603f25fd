"""The command line: maps a verb to the room that does it, and imports that room only when the verb runs."""

import importlib
import io
import signal
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from model.errors import IcdCoderError
from model.threads import choose_threads

VERBS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "synthetic admissions to a coded note with its neighbours, in one go"),
    "synth": ("training.commands", "write synthetic admissions in the tables of MIMIC-III, or scenes of digits"),
    "prepare": ("training.commands", "turn MIMIC-III, CodiEsp or a table into a dataset directory"),
    "verify-data": ("training.commands", "compare a prepared MIMIC-III with the published statistics"),
    "train": ("training.commands", "train a coder and write its bundle"),
    "evaluate": ("training.commands", "measure a bundle on a split: report, plots, baselines"),
    "export": ("training.commands", "add an int8 encoder to a bundle, for CPUs"),
    "compare": ("training.commands", "two reports side by side, with a paired bootstrap"),
    "retrieval": ("training.commands", "measure the neighbours of a bundle on a split, and the coder that they make"),
    "benchmark": ("training.commands", "measure speed and memory beside the published form of the coder"),
    "study": ("training.commands", "compare the losses on a dataset, with a report and plots"),
    "migrate": ("app.cli.commands", "create or upgrade the database"),
    "index": ("app.cli.commands", "store documents, codes and embeddings for the neighbour search"),
    "verify-index": ("app.cli.commands", "check that every stored note is whole and found"),
    "backup": ("app.cli.commands", "write the database into one file with checksums"),
    "restore": ("app.cli.commands", "bring a backup into an empty database of either engine"),
    "code": ("app.cli.commands", "code notes from files or standard input, by a bundle or a running service"),
    "serve": ("app.cli.commands", "answer over HTTP"),
    "export-reviews": ("app.cli.export_reviews", "write the reviewed notes with their codes as a table"),
    "keys": ("app.cli.keys", "make, list and revoke access keys"),
    "verify-log": ("app.cli.keys", "check that no row of the access log was changed or removed"),
}


TERMINATED = 128 + signal.SIGTERM
"""Exit code after SIGTERM, as a shell gives it."""


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
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a title or a note may hold letters that the terminal lacks
    choose_threads()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # unwinds, so that nothing half written stays
    try:
        root(sys.argv[1:] or ["--help"])
    except IcdCoderError as error:
        print(f"icd-coder: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"icd-coder: {_refusal(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("icd-coder: stopped", file=sys.stderr)
        sys.exit(130)


def _refusal(error: OSError) -> str:
    """What the system refused, such as a full disk; a library's own message could hold more and is left out."""
    what = error.strerror or type(error).__name__
    where = f"'{error.filename}'" if error.filename else "a file or the output"
    return f"{where} could not be used ({what}): mend that and run the command again"


if __name__ == "__main__":
    main()
