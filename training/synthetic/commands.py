"""The verb ``synth``."""

from pathlib import Path
from typing import Annotated

import typer

from model.atomic_output import staged_directory
from model.errors import InvalidOption
from model.progress import progress_bar

synth = typer.Typer(
    help="Write synthetic admissions of people who never existed, or scenes of digits.", no_args_is_help=True
)


@synth.callback()
def _synth() -> None:
    """Write synthetic admissions of people who never existed, or scenes of digits."""


@synth.command()
def mimic3(
    out: Annotated[Path, typer.Option(help="Folder for the tables; it must not exist or be empty.")],
    admissions: Annotated[int, typer.Option(help="Number of admissions, 1 or more.")] = 1200,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
    noteevents: Annotated[
        int | None,
        typer.Option(
            help="Rows of NOTEEVENTS, exactly: makes tables of the real shape, with notes of all categories and "
            "8,400 codes, on all processors. Default: a small corpus with a few notes an admission.",
            show_default=False,
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Write .csv instead of .csv.gz.")] = False,
) -> None:
    """Write the tables of MIMIC-III v1.4 as .csv.gz, filled with admissions that never happened.

    The tables are NOTEEVENTS, DIAGNOSES_ICD, PROCEDURES_ICD, D_ICD_*, ADMISSIONS and PATIENTS. The people and
    their notes are made up from a seed; the codes and titles are real ICD-9-CM.

    The last example writes MIMIC-III's size: 3.7 GB of notes, in some minutes.

    Examples:

      icd-coder synth mimic3 --out work/mimic3

      icd-coder synth mimic3 --admissions 5000 --seed 2 --out work/mimic3-large

      icd-coder synth mimic3 --admissions 52722 --noteevents 2083180 --plain --out work/mimic3-full
    """
    if admissions < 1:
        raise InvalidOption(f"--admissions is {admissions}: ask for 1 admission or more")
    from training.synthetic.full_size import require_notes, write_full_tables  # reads the code tables
    from training.synthetic.tables import write_tables

    if noteevents is not None:
        require_notes(admissions, noteevents)
    with staged_directory(out) as folder, progress_bar("admissions", admissions, "admission") as bar:
        if noteevents is None:
            write_tables(folder, admissions, seed, bar.update, plain)
        else:
            write_full_tables(folder, admissions, noteevents, seed, bar.update, plain)


@synth.command()
def digits(
    out: Annotated[Path, typer.Option(help="Dataset directory to write; must not be there yet.")],
    scenes: Annotated[int, typer.Option(help="Number of scenes, 10 or more.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed writes the same pixels.")] = 1,
) -> None:
    """Write a dataset of scenes of one to four handwritten digits, for `icd-coder study losses`.

    The labels of a scene are the digits that are in it. No image of a digit is in the scenes of two splits.

    Example: icd-coder synth digits --scenes 5000 --seed 1 --out data/digits
    """
    from training.synthetic.digits import synthesise_digits

    with progress_bar("scenes", scenes, "scene") as bar:
        written = synthesise_digits(out, scenes, seed, bar.update)
    typer.echo(f"{sum(written.documents.values()):,} scenes written to {out}")
