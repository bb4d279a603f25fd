"""Checks the quotes of a CSV file, so that every reader finds the same fields in it.

polars and Python's reader disagree about a quote inside of an unquoted field. Where quotes are as RFC 4180 says they
cannot: counted from the first, each even quote opens a field or is the second of a pair, each odd one closes a field
or is the first of a pair.
"""

import threading
from pathlib import Path

import numpy as np

from training.prepare.source_files import open_decompressed

BLOCK = 1 << 18  # bytes; with its intermediate arrays it stays in a processor's cache
MARK = b"\xef\xbb\xbf"
_MAY_STAND_BEFORE = np.isin(np.arange(256), list(b',\n"'))
_MAY_STAND_AFTER = np.isin(np.arange(256), list(b',\r\n"'))


def line_of_odd_quote(path: Path, stop: threading.Event | None = None) -> int | None:
    """Number of the line with the first quote that breaks the rule; None where there is none before ``stop`` is set.

    Raises:
        OSError, EOFError, zlib.error: the file is damaged.
    """
    quotes = begin = last = 0
    edge = b"\n"  # the byte before the first one that is judged, then that one
    with open_decompressed(path) as file:
        if file.read(len(MARK)) != MARK:
            file.seek(0)
        while True:
            block = file.read(BLOCK)
            window = np.frombuffer(edge + (block or b"\n"), np.uint8)
            places = np.flatnonzero(window[1:-1] == ord('"'))
            even, odd = places[quotes % 2 :: 2], places[1 - quotes % 2 :: 2]
            if not (_MAY_STAND_BEFORE[window[even]].all() and _MAY_STAND_AFTER[window[odd + 2]].all()):
                wrong = [*even[~_MAY_STAND_BEFORE[window[even]]], *odd[~_MAY_STAND_AFTER[window[odd + 2]]]]
                return _line(path, begin + int(min(wrong)))
            quotes += len(places)
            last = begin + int(places[-1]) if len(places) else last
            if not block or (stop and stop.is_set()):
                return _line(path, last) if quotes % 2 and not block else None  # the last field never ends
            begin += len(window) - 2
            edge = window[-2:].tobytes()


def _line(path: Path, place: int) -> int:
    """Number of the line in which a byte stands, counted without a byte order mark."""
    line = 1
    with open_decompressed(path) as file:
        if file.read(len(MARK)) != MARK:
            file.seek(0)
        while place > 0 and (block := file.read(min(BLOCK, place))):
            line += block.count(b"\n")
            place -= len(block)
    return line
