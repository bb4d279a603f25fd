"""The verb ``synth``."""

from pathlib import Path
from typing import Annotated

import typer

from model.errors import InvalidOption
from model.progress import progress_bar
from model.staging import staged_directory

synth = typer.Typer(help="Write synthetic admissions of people who never existed.", no_args_is_help=True)


@synth.callback()
def _synth() -> None:
    """Write synthetic admissions of people who never existed."""


@synth.command()
def mimic3(
    out: Annotated[Path, typer.Option(help="Folder for the tables; it must not exist or be empty.")],
    admissions: Annotated[int, typer.Option(help="Number of admissions, 1 or more.")] = 1200,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
) -> None:
    """Write the tables of MIMIC-III v1.4 as .csv.gz, filled with admissions that never happened.

    The tables are NOTEEVENTS, DIAGNOSES_ICD, PROCEDURES_ICD, D_ICD_*, ADMISSIONS and PATIENTS. The people and
    their notes are made up from a seed; the codes and titles are real ICD-9-CM.

    Examples:

      icd-coder synth mimic3 --out work/mimic3

      icd-coder synth mimic3 --admissions 5000 --seed 2 --out work/mimic3-large
    """
    if admissions < 1:
        raise InvalidOption(f"--admissions is {admissions}: ask for 1 admission or more")
    from training.synthetic.tables import write_tables  # reads the code tables

    with staged_directory(out) as folder, progress_bar("admissions", admissions, "admission") as bar:
        write_tables(folder, admissions, seed, bar.update)
