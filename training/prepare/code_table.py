"""Reads a hospital's own titles of codes: a table with the columns code, title and, for several systems, system."""

from collections.abc import Sequence
from pathlib import Path

from model.errors import MalformedInput, MissingInput
from model.icd import SYSTEMS, Code, NoCode, normalise
from training.prepare.table_cells import WrongCell, codes_of, text_of
from training.prepare.table_source import open_table

COLUMNS = ("code", "title")


def read_code_table(path: Path, systems: Sequence[str]) -> dict[Code, str]:
    """Titles by code.

    Args:
        systems: those of the dataset; the table needs no column ``system`` where it is one.

    Raises:
        MissingInput: the file or a column is not there.
        MalformedInput: a row has no code of its system, or no title.
    """
    rows = open_table(path, lambda header: set(COLUMNS) <= {name.strip().lower() for name in header})
    header = [name.strip().lower() for name in rows.header]
    wanted = (*COLUMNS, "system") if "system" in header else COLUMNS
    if len(systems) > 1 and "system" not in header:
        raise MissingInput(f"'{path}' has no column 'system', which a --code-table for several systems needs: add it")
    for name in wanted:
        if header.count(name) != 1:
            raise MissingInput(f"'{path}' has {header.count(name)} columns '{name}': a --code-table needs one")
    titles: dict[Code, str] = {}
    for number, (code, title, *system) in rows.read([header.index(name) for name in wanted]):
        try:
            own = (text_of(system[0]) or "").strip().lower() if system else systems[0]
            if own not in SYSTEMS:
                raise WrongCell("no known system")
            written, own_title = codes_of(code), text_of(title)
            if not isinstance(written, str) or own_title is None:
                raise WrongCell("no code or no title")
            if titles.setdefault(normalise(own, written), own_title.strip()) != own_title.strip():
                raise WrongCell("another title for a code of a row before")
        except (NoCode, WrongCell) as error:
            raise MalformedInput(f"data row {number:,} of '{path}' has {error}: fix the row or leave it out") from None
    return {code: title for code, title in titles.items() if code.system in systems}
