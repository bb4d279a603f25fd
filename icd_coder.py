"""The command line. Maps each verb to the module that runs it, and imports that module only when the verb runs."""

import importlib
import io
import signal
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperGroup


class OwnPackages:
    """Finds our packages beside this file, wherever the program is started.

    ``python -m icd_coder``, torchrun and a ``PYTHONPATH`` of ``.`` put the current folder first on ``sys.path``, and a
    project of machine learning often has a ``model`` or ``app`` of its own there. A process that multiprocessing
    spawns imports the main module, and with it this finder, before its task.
    """

    NAMES = frozenset({"app", "demo", "icd_coder_client", "migrations", "model", "training"})

    @classmethod
    def find_spec(
        cls, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The place of one of our packages; None for every other name."""
        return PathFinder.find_spec(name, [str(Path(__file__).parent)]) if name in cls.NAMES else None


sys.meta_path.insert(0, OwnPackages)  # before the imports below

from model.errors import IcdCoderError
from model.private_files import keep_private
from model.threads import choose_threads

VERBS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "run the whole pipeline on synthetic admissions, up to a coded note"),
    "synth": ("training.commands", "write synthetic admissions as MIMIC-III tables, or scenes of digits"),
    "prepare": ("training.commands", "convert MIMIC-III, MIMIC-IV, CodiEsp or a table of codes or labels to a dataset"),
    "verify-data": ("training.commands", "compare a prepared MIMIC-III with its published statistics"),
    "train": ("training.commands", "train a model and write its bundle"),
    "evaluate": ("training.commands", "score a bundle on a split: report, plots, baselines"),
    "export": ("training.commands", "write a bundle with an int8 encoder, or embeddings and scores as Parquet"),
    "compare": ("training.commands", "compare two reports, with a paired bootstrap"),
    "retrieval": ("training.commands", "score the neighbours of a bundle on a split"),
    "benchmark": ("training.commands", "measure speed and memory against a reference implementation of PLM-ICD"),
    "study": ("training.commands", "compare losses on a dataset, with a report and plots"),
    "migrate": ("app.cli.database_commands", "create the database, or upgrade its schema"),
    "index": ("app.cli.database_commands", "store documents, codes and embeddings for the neighbour search"),
    "verify-index": ("app.cli.database_commands", "check that every stored note is complete and can be found"),
    "backup": ("app.cli.database_commands", "write the database to one file with checksums"),
    "restore": ("app.cli.database_commands", "restore a backup into an empty SQLite or PostgreSQL database"),
    "code": ("app.cli.code.command", "code notes from files or standard input, with a bundle or a running service"),
    "serve": ("app.cli.serve", "serve a bundle over HTTP"),
    "export-reviews": ("app.cli.database_commands", "write the reviewed notes and their codes as a table"),
    "keys": ("app.cli.keys", "create, list and revoke access keys"),
    "security-answers": ("app.cli.security_answers", "answer a hospital's security review, from the settings"),
    "verify-log": ("app.cli.keys", "check that no row of the access log was changed or removed"),
}


TERMINATED = 128 + signal.SIGTERM
"""Exit code after SIGTERM, as a shell gives it."""


class Verbs(TyperGroup):
    """The root group. It knows the name and help line of each verb without importing its module."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, name: str) -> Any:
        if name not in VERBS:
            return None
        module = importlib.import_module(VERBS[name][0])
        group: Any = typer.main.get_group(module.commands)
        command: Any = group.get_command(ctx, name)
        _refuse_repeated_options(command)
        return command

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


def _refuse_repeated_options(command: Any) -> None:
    """Make an option given twice a usage error, in a verb and its members: click would take the last one silently.

    Repeatable options and flags without a negative form may be repeated.
    """
    for member in getattr(command, "commands", {}).values():
        _refuse_repeated_options(member)
    parse_args, make_parser = command.parse_args, command.make_parser

    def parse_once(ctx: Any, args: list[str]) -> Any:
        if not ctx.resilient_parsing:
            order = make_parser(ctx).parse_args(list(args))[2]  # each option as often as it was given
            for option in {one.name: one for one in order if _takes_one_value(one)}.values():
                if order.count(option) > 1:
                    ctx.fail(
                        f"{'/'.join((*option.opts, *option.secondary_opts))} is given twice: leave one of them out"
                    )
        return parse_args(ctx, args)

    command.parse_args = parse_once


def _takes_one_value(option: Any) -> bool:
    is_flag = getattr(option, "is_flag", False) and not option.secondary_opts
    return option.param_type_name == "option" and not (option.multiple or getattr(option, "count", False) or is_flag)


root = typer.Typer(cls=Verbs, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@root.callback()
def _root() -> None:
    """Clinical ICD coding with similar past notes as evidence."""


def main() -> None:
    """Run the command line. An error that the user can fix is one line and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # titles and notes may have letters that the terminal lacks
    choose_threads()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # unwinds the stack, so nothing half written is left
    try:
        keep_private()
        root(sys.argv[1:] or ["--help"])
    except IcdCoderError as error:
        print(f"icd-coder: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"icd-coder: {_describe(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("icd-coder: stopped", file=sys.stderr)
        sys.exit(130)


def _describe(error: OSError) -> str:
    """Name the file and the cause, such as a full disk. A library's own message is left out: it may contain data."""
    what = error.strerror or type(error).__name__
    where = f"'{error.filename}'" if error.filename else "a file or the output"
    return f"{where} could not be used ({what}): fix that and run the command again"


if __name__ == "__main__":
    main()
