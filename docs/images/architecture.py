"""Draws docs/images/architecture.svg: `python docs/images/architecture.py`.

Boxes stand on a grid of columns and rows. The picture has no background, and its colours are readable on a light and on
a dark page.
"""

from html import escape
from pathlib import Path

WIDTH, HEIGHT = 138, 56
COLUMNS = [10 + 168 * column for column in range(6)]
ROWS = [34, 154, 264]
GREY, INK = "#7d8998", "#17212c"
WHITE, BLUE, GREEN, YELLOW = "#ffffff", "#e6edf5", "#d5efe9", "#fdeecb"

GROUPS = {"training": (1, 4, 0, 0), "app": (1, 2, 1, 2), "model": (3, 5, 1, 1)}
BOXES = {
    "corpus": (0, 0, WHITE, "MIMIC, CodiEsp,", "your own table"),
    "prepare": (1, 0, BLUE, "prepare", ""),
    "dataset": (2, 0, YELLOW, "dataset directory", "parquet, manifest"),
    "train": (3, 0, BLUE, "train", "BCE + SD loss"),
    "fit": (4, 0, BLUE, "fit the ranker", "calibrate, thresholds"),
    "bundle": (5, 0, YELLOW, "bundle", "weights, checksums"),
    "note": (0, 1, WHITE, "discharge summary", "REST, FHIR, files"),
    "web": (1, 1, BLUE, "web and cli", "keys, limits"),
    "service": (2, 1, BLUE, "coding service", "one note at a time"),
    "encoder": (3, 1, GREEN, "encoder", "label attention"),
    "ranker": (4, 1, GREEN, "ranker", "channels, calibration"),
    "evidence": (5, 1, GREEN, "evidence", "spans of the note"),
    "answer": (0, 2, WHITE, "codes, evidence,", "similar notes"),
    "records": (1, 2, BLUE, "jobs, reviews,", "access log"),
    "database": (2, 2, BLUE, "database", "SQLite, PostgreSQL"),
}
ARROWS = [
    ("corpus", "prepare"),
    ("prepare", "dataset"),
    ("dataset", "train"),
    ("train", "fit"),
    ("fit", "bundle"),
    ("note", "web"),
    ("web", "service"),
    ("service", "encoder"),
    ("encoder", "ranker"),
    ("ranker", "evidence"),
    ("service", "database"),
    ("records", "database"),
]
PATHS = [  # points, label, where the label stands, dashed
    (((919, 90), (919, 128)), "load", (928, 113), False),
    (((484, 292), (751, 292), (751, 212)), "neighbours", (590, 286), False),
    (((176, 202), (98, 262)), "", (0, 0), False),
    (((415, 90), (415, 110), (499, 110), (499, 276), (487, 276)), "index", (506, 240), True),
]


def main() -> None:
    """Write the picture beside this file."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMNS[-1] + WIDTH + 14} {ROWS[-1] + HEIGHT + 16}" '
        'font-family="Helvetica,Arial,sans-serif" role="img">',
        "<title>icd-coder: data, bundle, service</title>",
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{GREY}"/></marker></defs>',
        *(group(name, *place) for name, place in GROUPS.items()),
        *(arrow(start, end) for start, end in ARROWS),
        *(path(*one) for one in PATHS),
        *(box(*one) for one in BOXES.values()),
        "</svg>",
    ]
    Path(__file__).with_suffix(".svg").write_text("\n".join(parts) + "\n", encoding="utf-8")


def group(name: str, first: int, last: int, top: int, bottom: int) -> str:
    """A dashed frame around boxes, with its name."""
    x, y = COLUMNS[first] - 12, ROWS[top] - 24
    width, height = COLUMNS[last] + WIDTH + 12 - x, ROWS[bottom] + HEIGHT + 12 - y
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="none" stroke="{GREY}" '
        f'stroke-dasharray="4 4"/><text x="{x + 10}" y="{y + 16}" font-size="13" fill="{GREY}">{name}</text>'
    )


def box(column: int, row: int, fill: str, title: str, line: str) -> str:
    """A box with one or two lines."""
    x, y = COLUMNS[column], ROWS[row]
    middle = x + WIDTH // 2
    lines = [(title, 13.5, y + (25 if line else 33), "bold" if fill != WHITE else "normal")]
    if line:
        lines.append((line, 11.5 if fill != WHITE else 13.5, y + 43, "normal"))
    texts = "".join(
        f'<text x="{middle}" y="{height}" font-size="{size}" font-weight="{weight}" text-anchor="middle" '
        f'fill="{INK}">{escape(text)}</text>'
        for text, size, height, weight in lines
    )
    return f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="7" fill="{fill}" stroke="{GREY}"/>{texts}'


def arrow(start: str, end: str) -> str:
    """A straight line between two boxes that are neighbours in a row or column."""
    (column, row, *_), (other, below, *_) = BOXES[start], BOXES[end]
    if column == other:
        x = COLUMNS[column] + WIDTH // 2
        points = ((x, ROWS[row] + HEIGHT), (x, ROWS[below] - 2))
    else:
        y = ROWS[row] + HEIGHT // 2
        points = ((COLUMNS[column] + WIDTH, y), (COLUMNS[other] - 2, y))
    return path(points, "", (0, 0), False)


def path(points: tuple[tuple[int, int], ...], label: str, at: tuple[int, int], dashed: bool) -> str:
    """A line through points, with a tip at its end."""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    line = " ".join(f"{x},{y}" for x, y in points)
    text = f'<text x="{at[0]}" y="{at[1]}" font-size="12" fill="{GREY}">{label}</text>' if label else ""
    return (
        f'<polyline points="{line}" fill="none" stroke="{GREY}" stroke-width="1.5" marker-end="url(#tip)"{dash}/>{text}'
    )


if __name__ == "__main__":
    main()
