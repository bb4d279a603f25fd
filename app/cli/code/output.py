"""Write coded notes to standard output: as a table, as JSON lines, or in the format of CodiEsp."""

import json

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from app.cli.code.local import Write
from app.cli.code.note_files import NoteFile
from app.cli.options import Format
from icd_coder_client.coding import PredictAnswer, SimilarNote, SuggestedCode

CONTEXT_CHARACTERS = 24
FLAGS = ("negated", "family", "historical", "hypothetical")
CODES_PER_NEIGHBOUR = 6
DISAGREES = "≠"
LEGEND = (
    "neighbours: of the notes with the most similar text, how many carry the code, their share of the similarity, "
    "≠ where their majority and sel. differ"
)
WIDTH_IN_A_PIPE = 140
NEAR = 0.5
"""Share of its threshold from which a code that is not selected is worth a coder's look in a table; untuned."""
LEAST_SHOWN = 3
"""Codes that a table shows of any answer."""


def writer(output: Format, with_neighbours: bool, every_code: bool = False) -> Write:
    """The function that writes one answer.

    Args:
        every_code: a table shows also the codes far below their threshold.
    """
    if output is Format.JSONL:
        return _write_json_line
    if output is Format.CODIESP:
        return _write_codiesp
    return _table_writer(with_neighbours, every_code)


def _write_json_line(note: NoteFile, _text: str, answer: PredictAnswer) -> None:
    """One object for each note: its id, then the fields of the REST answer; in ASCII.

    ASCII is valid in the encoding of every terminal, and no character of a note (U+2028, U+0085) can end the line.
    """
    fields = {"id": note.note_id, **answer.model_dump(exclude_none=True)}
    typer.echo(json.dumps(fields))


def _write_codiesp(note: NoteFile, _text: str, answer: PredictAnswer) -> None:
    """``id<TAB>code`` in lower case, best first: what the shared task's evaluation reads."""
    for code in answer.codes:
        typer.echo(f"{note.note_id}\t{code.code.lower()}")


def _table_writer(with_neighbours: bool, every_code: bool) -> Write:
    console = _console()

    def write(note: NoteFile, text: str, answer: PredictAnswer) -> None:
        console.print(render(note.name, text, answer, with_neighbours, every_code))

    return write


def _console() -> Console:
    """Standard output, as wide as the terminal, or wide enough for the table where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_IN_A_PIPE)


def render(name: str, text: str, answer: PredictAnswer, with_neighbours: bool, every_code: bool = False) -> Group:
    """The answer for one note; ``text`` is the note, for the evidence's context."""
    codes = [code for code in answer.codes if every_code or _is_worth_a_look(code)]
    parts: list[Text | Table] = [_heading(name, answer), _codes(text, codes, answer, with_neighbours)]
    if left_out := len(answer.codes) - len(codes):
        parts.append(Text(f"{left_out} more below {NEAR:.0%} of their threshold: --all shows them", style="dim"))
    if answer.neighbours:
        parts.append(Text(LEGEND, style="dim"))
        parts.append(_neighbours(answer.neighbours))
    parts.extend(Text(f"note: {warning}", style="yellow") for warning in answer.warnings)
    return Group(*parts, Text())


def _heading(name: str, answer: PredictAnswer) -> Text:
    tokens = answer.tokens
    return Text.assemble(
        (printable(name), "bold"),
        f"  {tokens.read} of {tokens.total} tokens read, bundle {answer.bundle_id[:12]} in {answer.precision}, "
        f"{answer.timings_ms['total']:.0f} ms",
    )


def _is_worth_a_look(code: SuggestedCode) -> bool:
    return code.selected or code.rank <= LEAST_SHOWN or code.probability >= NEAR * code.threshold


def _codes(text: str, codes: list[SuggestedCode], answer: PredictAnswer, with_neighbours: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("#", justify="right")
    table.add_column("system")
    table.add_column("code", no_wrap=True)
    table.add_column("title", ratio=2)
    table.add_column("prob.", justify="right")
    table.add_column("sel.")
    if with_neighbours:
        table.add_column("neighbours", justify="right")
    table.add_column("evidence", ratio=3)
    for code in codes:
        cells = [Text(str(code.rank)), Text(code.system), Text(code.code, style="bold")]
        cells += [Text(printable(code.title)), Text(f"{code.probability:.1%}"), _mark(code)]
        if with_neighbours:
            cells.append(_support(code, len(answer.neighbours)))
        table.add_row(*cells, _evidence(text, code))
    return table


def _mark(code: SuggestedCode) -> Text:
    return Text("*", style="green") if code.selected else Text("")


def _support(code: SuggestedCode, neighbours: int) -> Text:
    """How many neighbours carry the code, their share of the similarity, and a mark if the classifier disagrees."""
    shown = f"{code.neighbour_count}/{neighbours}"
    if code.support is None:
        return Text(shown)
    return Text(f"{shown} {code.support.share:4.0%} {' ' if code.support.agrees else DISAGREES}")


def _evidence(text: str, code: SuggestedCode) -> Text:
    """The first span in bold with some context, then its flags; or the reason why there is no span."""
    if not code.evidence:
        return Text(code.no_span or "", style="dim")
    span = code.evidence[0]
    before = text[max(0, span.start - CONTEXT_CHARACTERS) : span.start]
    after = text[span.end : span.end + CONTEXT_CHARACTERS]
    flags = [flag for flag in FLAGS if getattr(span, flag)]
    return Text.assemble(
        (printable(before), "dim"),
        (f"[{printable(span.text)}]", "bold"),
        (printable(after).rstrip(), "dim"),
        (f" ({', '.join(flags)})" if flags else "", "yellow"),
    )


def _neighbours(neighbours: list[SimilarNote]) -> Table:
    """One row for each neighbour; the codes that it shares with the suggestion come first, in bold."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("neighbour")
    table.add_column("similarity", justify="right")
    table.add_column("shares", justify="right")
    table.add_column("codes", ratio=3)
    table.add_column("snippet", ratio=2)
    for neighbour in neighbours:
        table.add_row(
            Text(printable(neighbour.note_id)),
            Text(f"{neighbour.similarity:.3f}"),
            Text(f"{len(neighbour.shared)}/{len(neighbour.codes)}"),
            _codes_of_neighbour(neighbour),
            Text(printable((neighbour.snippet or "")[:80])),
        )
    return table


def _codes_of_neighbour(neighbour: SimilarNote) -> Text:
    shared = {(code.system, code.code) for code in neighbour.shared}
    ordered = sorted(neighbour.codes, key=lambda code: (code.system, code.code) not in shared)
    shown = ordered[:CODES_PER_NEIGHBOUR]
    parts = [Text(code.code, style="bold" if (code.system, code.code) in shared else "") for code in shown]
    more = len(ordered) - len(shown)
    return Text(", ").join(parts) + Text(f" and {more} more" if more > 0 else "")


def printable(text: str) -> str:
    """One line without control characters, so that a note cannot send commands to the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
