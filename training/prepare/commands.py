"""The verb ``prepare``: turns each source into a dataset directory."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from training.prepare.command_options import (
    Delimiter,
    DevShare,
    Encoding,
    LabelList,
    Out,
    Seed,
    TableSource,
    TestShare,
)
from training.prepare.label_command import LABEL_EXAMPLES, labels
from training.prepare.terminal import show_written

commands = typer.Typer(
    name="prepare",
    help="Turn MIMIC-III, MIMIC-IV, CodiEsp, Ohsumed, Yeast or a table of codes or labels into a dataset directory.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class LabelSet(StrEnum):
    full = "full"
    top50 = "50"
    clean = "clean"


class Mimic3LabelSet(StrEnum):
    full = "full"
    full_caml = "full-caml"
    top50 = "50"
    clean = "clean"


class Icd(StrEnum):
    icd9 = "icd9"
    icd10 = "icd10"


class Language(StrEnum):
    en = "en"
    es = "es"


class Task(StrEnum):
    diagnoses = "diagnoses"
    procedures = "procedures"
    both = "both"


class InvalidCodes(StrEnum):
    refuse = "refuse"
    drop = "drop"


@commands.command()
def mimic3(
    source: Annotated[
        Path,
        typer.Option(help="Folder with the tables of MIMIC-III v1.4 (NOTEEVENTS, *_ICD), .csv or .csv.gz."),
    ],
    out: Out,
    splits: Annotated[
        Path | None,
        typer.Option(
            help="Folder with published id lists: those of jamesmullenbach/caml-mimic (csv) or of "
            "JoakimEdin/medical-coding-reproducibility (feather). Default: a seeded split by patient."
        ),
    ] = None,
    labels: Annotated[
        Mimic3LabelSet,
        typer.Option(
            help="All codes; 50: the list, or the 50 most frequent; clean: 10 or more admissions; full-caml: the "
            "published 8,921 with their defect, to compare with papers only."
        ),
    ] = Mimic3LabelSet.full,
    label_list: LabelList = None,
    seed: Seed = 0,
    dev_share: DevShare = 0.1,
    test_share: TestShare = 0.1,
) -> None:
    """Discharge summaries and ICD-9 codes of MIMIC-III v1.4.

    Example: icd-coder prepare mimic3 --source mimiciii/1.4 --splits caml/mimicdata/mimic3 --out data/mimic3
    """
    from training.prepare.mimic3 import prepare_mimic3

    written = prepare_mimic3(
        source,
        out,
        splits=splits,
        labels=labels.value,
        label_list=label_list,
        seed=seed,
        dev_share=dev_share,
        test_share=test_share,
        show=typer.echo,
    )
    show_written(written, "check that the tables are of MIMIC-III v1.4 and hold codes as text")


@commands.command()
def mimic4(
    source: Annotated[
        Path,
        typer.Option(help="Folder with note/ (mimic-iv-note) and hosp/ (mimiciv), .csv or .csv.gz."),
    ],
    out: Out,
    system: Annotated[Icd, typer.Option(help="Codes of which version; an admission has one.")] = Icd.icd10,
    splits: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the published id lists of JoakimEdin/medical-coding-reproducibility (feather). "
            "Default: a seeded split by patient."
        ),
    ] = None,
    labels: Annotated[
        LabelSet,
        typer.Option(
            help="All codes; 50: the list, or the 50 most frequent; clean: 10 or more admissions, as in Edin et al."
        ),
    ] = LabelSet.full,
    label_list: LabelList = None,
    seed: Seed = 0,
    dev_share: DevShare = 0.1,
    test_share: TestShare = 0.1,
) -> None:
    """Discharge summaries and ICD-9 or ICD-10 codes of MIMIC-IV.

    Example: icd-coder prepare mimic4 --source mimic-iv --system icd10 --labels clean --out data/mimic4-icd10
    """
    from training.prepare.mimic4 import prepare_mimic4

    written = prepare_mimic4(
        source,
        out,
        system=system.value,
        splits=splits,
        labels=labels.value,
        label_list=label_list,
        seed=seed,
        dev_share=dev_share,
        test_share=test_share,
    )
    show_written(written, "codes of editions before or after the installed tables keep an empty title")


@commands.command()
def codiesp(
    source: Annotated[Path, typer.Option(help="The unpacked CodiEsp archive: the folder that holds train/ and dev/.")],
    out: Out,
    language: Annotated[Language, typer.Option(help="English is machine-translated.")] = Language.en,
    codes: Annotated[Task, typer.Option(help="diagnoses: ICD-10-CM; procedures: ICD-10-PCS.")] = Task.diagnoses,
) -> None:
    """Clinical cases with ICD-10 codes of the CLEF eHealth 2020 task (Zenodo 3837305).

    Example: icd-coder prepare codiesp --source codiesp --language en --out data/codiesp-en
    """
    from training.prepare.codiesp import prepare_codiesp

    written = prepare_codiesp(source, out, language.value, codes.value)
    show_written(written, "CodiEsp has category codes and codes of the Spanish edition, which keep an empty title")


@commands.command()
def ohsumed(
    source: Annotated[Path, typer.Option(help="The folder ohsumed-first-20000-docs, with training/ and test/.")],
    out: Out,
    seed: Annotated[int, typer.Option(help="Seed of the dev split, which is taken from training.")] = 0,
    dev_share: Annotated[float, typer.Option(help="Share of the training abstracts in dev.")] = 0.1,
) -> None:
    """MEDLINE abstracts with their MeSH disease categories, for `icd-coder study losses`.

    Example: icd-coder prepare ohsumed --source ohsumed-first-20000-docs --out data/ohsumed
    """
    from training.prepare.ohsumed import prepare_ohsumed

    show_written(prepare_ohsumed(source, out, seed, dev_share), "only the categories C01 to C23 have a title")


@commands.command()
def yeast(
    source: Annotated[Path, typer.Option(help="Folder with yeast_official_train.hdf5, _val and _test.")],
    out: Out,
) -> None:
    """Measurements of yeast genes with their functional classes, for `icd-coder study losses`; needs h5py.

    Example: icd-coder prepare yeast --source yeast --out data/yeast
    """
    from training.prepare.yeast import prepare_yeast

    show_written(prepare_yeast(source, out), "every class has a title")


@commands.command()
def table(
    source: TableSource,
    text: Annotated[str, typer.Option(help="Column with the note.")],
    codes: Annotated[
        list[str],
        typer.Option(
            help="Column with the codes, separated by ; , | or blanks, or as a list; repeatable, or with commas, the "
            "principal diagnosis first."
        ),
    ],
    out: Out,
    system: Annotated[
        list[str] | None,
        typer.Option(
            callback=lambda given: _known_systems(given),
            help="System of the codes: icd9cm, icd9pcs, icd10cm, icd10pcs, icd9 or icd10 (both of a version), or a "
            "national edition: icd10who, icd10gm, icd10am, icd10ca. Repeatable, or with commas. Default: icd10cm.",
        ),
    ] = None,
    document: Annotated[
        str | None,
        typer.Option(
            "--id", help="Column with the note's id; rows of one id are one document. Default: a row is a document."
        ),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(help="Column with the patient's id. Default: every document is a patient of its own."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Column with train, dev (val, validation) or test. Default: by patient."),
    ] = None,
    version_column: Annotated[
        str | None, typer.Option(help="Column with 9 or 10: the version of ICD of the row's codes.")
    ] = None,
    date_column: Annotated[
        str | None, typer.Option(help="Column with a date (2015-10-01); from that day on the row's codes are ICD-10.")
    ] = None,
    invalid_codes: Annotated[
        InvalidCodes, typer.Option(help="What is no code of the systems: refuse the table, or drop and count it.")
    ] = InvalidCodes.refuse,
    code_table: Annotated[
        Path | None, typer.Option(help="Your own titles: a table with the columns code, title and perhaps system.")
    ] = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    seed: Seed = 0,
    dev_share: DevShare = 0.1,
    test_share: TestShare = 0.1,
) -> None:
    """A table of your own: name its columns.

    Example: icd-coder prepare table --source notes.csv --text note --codes icd --subject patient --out own
    """
    from training.prepare.table import TableOptions, prepare_table
    from training.prepare.table_columns import TableColumns

    drop = invalid_codes is InvalidCodes.drop
    written = prepare_table(
        source,
        out,
        TableColumns(text, codes, document, subject, split, version_column, date_column),
        TableOptions(system or (), drop, code_table, delimiter, encoding),
        seed=seed,
        dev_share=dev_share,
        test_share=test_share,
    )
    show_written(written, None)


commands.command("labels", epilog=LABEL_EXAMPLES)(labels)


def _known_systems(given: list[str] | None) -> list[str]:
    from model.errors import InvalidOption
    from training.prepare.table_codes import named_systems

    try:
        return list(named_systems(given or ["icd10cm"]))
    except InvalidOption as error:
        raise typer.BadParameter(str(error)) from None
