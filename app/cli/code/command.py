"""The verb ``code``: its options, and which way of coding they choose."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import DATABASE_HELP, DamagedOption, DeviceOption, Explain, Format, PrecisionOption
from model.errors import InvalidOption

if TYPE_CHECKING:  # imported when the verb runs, so that --help is fast
    from app.cli.code.note_files import NoteFile

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110})

CODES_IN_A_TABLE = 20
CODES_IN_A_RANKING = 500
"""The evaluation of CodiEsp reads at most this many."""
NEIGHBOURS = 5


@commands.command()
def code(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Files, folders of *.txt, or -; none with --bulk.")
    ] = None,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="Bundle directory made by `icd-coder train`.")] = None,
    server: Annotated[
        str | None, typer.Option("--server", help="Instead of a bundle: address of a running `icd-coder serve`.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option("--key-file", help="File with the access key for --server.")] = None,
    bulk: Annotated[
        Path | None,
        typer.Option("--bulk", help="With --server: JSON lines, each with id, text and options, coded as one job."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="With --bulk: file for the results, a table if NAME.csv. Default: standard output."),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", help="With --bulk: name of the job. Default: made from the file's content."),
    ] = None,
    database: Annotated[str | None, typer.Option("--database", help=f"{DATABASE_HELP} None: no neighbours.")] = None,
    output: Annotated[Format, typer.Option("--format", help="How to write the answers.")] = Format.TABLE,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, help="Codes a note. Default: 20; 500 for codiesp.")
    ] = None,
    selected_only: Annotated[
        bool, typer.Option("--selected-only", help="Only the codes above their threshold.")
    ] = False,
    every_code: Annotated[
        bool, typer.Option("--all", help="In a table also the codes below half of their threshold.")
    ] = False,
    explain: Annotated[
        Explain, typer.Option("--explain", help="How evidence is found; attingrad takes longer, and not in int8.")
    ] = Explain.ATTENTION,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", help="Thresholds: global, per-code, precision-0.95, or a conformal set, conformal-0.1."
        ),
    ] = None,
    subject_id: Annotated[
        str | None,
        typer.Option("--subject-id", help="The notes' patient in the indexed data: never a neighbour."),
    ] = None,
    max_characters: Annotated[int | None, typer.Option("--max-characters", min=1, help="Refuse longer notes.")] = None,
    allow_damaged_labels: DamagedOption = False,
    device: DeviceOption = "cpu",
    precision: PrecisionOption = "auto",
) -> None:
    """Code notes by a bundle, or by a running service, as a table, JSON lines or CodiEsp's id<TAB>code.

    With --bulk the service codes a whole file as one job, at low priority. Ctrl-C ends the waiting but not the job:
    run the same command to wait for it again.

    \b
    Examples:
      icd-coder code --bundle out/bundle note.txt
      icd-coder code --bundle out/bundle --database sqlite:///out/bundle.sqlite3 note.txt
      icd-coder code --bundle out/bundle --format jsonl notes/ > answers.jsonl
      icd-coder code --bundle out/bundle --explain attingrad --top-k 5 note.txt
      icd-coder code --bundle out/bundle --top-k 50 --all note.txt
      icd-coder code --bundle out/bundle --policy conformal-0.1 --selected-only note.txt
      icd-coder code --server http://127.0.0.1:8000 --key-file ward-3.key note.txt
      icd-coder code --server http://127.0.0.1:8000 --key-file ward-3.key --bulk notes.jsonl --out answers.jsonl
      cat note.txt | icd-coder code --bundle out/bundle --selected-only -
    """
    from app.cli.code.bulk import code_bulk
    from app.cli.code.local import CodingOptions, code_by_bundle
    from app.cli.code.output import writer
    from app.cli.code.remote import code_by_server, require_one_place
    from app.settings import load_settings

    if bulk is not None:
        code_bulk(context, bulk, out, idempotency_key, server, key_file)
        return
    if out is not None or idempotency_key is not None:
        raise InvalidOption("--out and --idempotency-key go with --bulk: other answers are written to standard output")
    limits: dict[str, Any] = {} if max_characters is None else {"max_characters": max_characters}
    settings = load_settings(None, database=database, **limits)
    require_one_place(bundle, server, database, key_file)
    notes = _checked_notes(paths, output, settings.max_characters)
    with_neighbours = server is not None or database is not None
    is_ranking = output is Format.CODIESP or selected_only
    options = CodingOptions(
        top_k=top_k or (min(CODES_IN_A_RANKING, settings.max_top_k) if is_ranking else CODES_IN_A_TABLE),
        explain="none" if output is Format.CODIESP else explain.value,
        neighbours=min(NEIGHBOURS, settings.max_neighbours) if with_neighbours else 0,
        selected_only=selected_only,
        subject_id=subject_id,
        policy=policy,
    )
    write = writer(output, with_neighbours, every_code)
    if bundle is None:
        code_by_server(str(server), key_file, settings, options, notes, write)
    else:
        code_by_bundle(bundle, device, precision, allow_damaged_labels, settings, options, notes, write)


def _checked_notes(paths: list[str] | None, output: Format, max_characters: int) -> "list[NoteFile]":
    """The notes, each of them read once, so that a bad file is reported before the first note is coded."""
    from app.cli.code.note_files import find_notes, passed_over, require_distinct_ids

    if not paths:
        raise InvalidOption("no note is named: give files, folders of *.txt, or - for standard input")
    notes = find_notes(paths)
    for told in passed_over(paths):
        typer.echo(told, err=True)
    if output is not Format.TABLE:
        require_distinct_ids(notes)
    for note in notes:
        note.read(max_characters)
    return notes
