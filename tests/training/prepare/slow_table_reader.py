"""A slow twin of `prepare table`: reads a delimited table character by character, and says what must come out."""

from dataclasses import dataclass, field

NO_VALUE = {"", "NULL", "NAN", "N/A"}
"""Words of the random tables that hold nothing, upper case."""


class Fault(Exception):
    """The table must be refused; ``line`` or ``row`` is in the message."""

    def __init__(self, line: int | None = None, row: int | None = None) -> None:
        super().__init__(line, row)
        self.line, self.row = line, row


@dataclass
class Expected:
    """What the manifest must count, and the documents."""

    rows: int = 0
    no_code: int = 0
    no_text: int = 0
    joined: int = 0
    documents: dict[str, tuple[str, list[str]]] = field(default_factory=dict)


def records(text: str, delimiter: str) -> "list[tuple[int, list[str]] | Fault]":
    """Line and fields of each record; a fault ends the list."""
    found: list[tuple[int, list[str]] | Fault] = []
    fields: list[str] = []
    value, state = "", "start"
    line = begin = 1
    place = 0
    while place <= len(text):
        end = place == len(text)
        character = "" if end else text[place]
        line_end = character in ("\r", "\n") and not end
        if line_end and text[place : place + 2] == "\r\n":
            place += 1
            character = "\r\n"
        place += 1
        if state == "quoted":
            if end:
                return [*found, Fault(line=begin)]
            if character == '"':
                state = "closing"
            else:
                value += character
                line += line_end
        elif state == "closing" and character == '"':
            value += '"'
            state = "quoted"
        elif character == delimiter:
            fields.append(value)
            value, state = "", "start"
        elif line_end or end:
            if fields or value or state != "start":
                found.append((begin, [*fields, value]))
            fields, value, state = [], "", "start"
            line += line_end
            begin = line
        elif state == "closing":
            return [*found, Fault(line=begin)]
        elif state == "start" and character == '"':
            state = "quoted"
        else:
            value += character
            state = "unquoted"
    return found


def expected(text: str, delimiter: str, with_id: bool, codes: set[str]) -> Expected:
    """Judge a table with the header id, note, icd.

    Raises:
        Fault: it must be refused.
    """
    result = Expected()
    gathered: dict[str, tuple[str, list[list[str]]]] = {}
    first_bad_code: int | None = None
    for number, record in enumerate(records(text, delimiter)):
        if isinstance(record, Fault):
            raise record
        line, fields = record
        if number == 0:
            continue
        if len(fields) != 3:
            raise Fault(line=line)
        result.rows += 1
        name, note, cell = (one.strip() for one in fields)
        pieces = cell.split()
        if not pieces:
            result.no_code += 1
            continue
        own = [piece for piece in pieces if piece in codes]
        if first_bad_code is None and any(one not in codes and one.upper() not in NO_VALUE for one in pieces):
            first_bad_code = number
        note = "" if note.upper() in NO_VALUE else fields[1]
        if "\0" in note:
            raise Fault(row=number)
        if with_id and name.upper() in NO_VALUE:
            raise Fault(row=number)
        key = name if with_id else str(number)
        first, cells = gathered.setdefault(key, (note, []))
        if "".join(first.split()) != "".join(note.split()):
            raise Fault(row=number)
        cells.append(own)
    if first_bad_code is not None:
        raise Fault(row=first_bad_code)
    for key, (note, cells) in gathered.items():
        with_codes = [cell for cell in cells if cell]
        result.no_code += len(cells) - len(with_codes)
        if with_codes and not note:
            result.no_text += len(with_codes)
        elif with_codes:
            result.joined += len(with_codes) - 1
            result.documents[key] = (note, list(dict.fromkeys(code for cell in with_codes for code in cell)))
    return result
