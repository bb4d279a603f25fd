"""Tables and numbers in markdown."""

from collections.abc import Iterable, Mapping, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table; bars in cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def number(value: float | None, decimals: int = 4) -> str:
    """A number, or n/a."""
    return "n/a" if value is None else f"{value:.{decimals}f}"


def with_interval(interval: Mapping[str, float] | None) -> str:
    """A value and its interval, or n/a."""
    if interval is None:
        return "n/a"
    return f"{number(interval['value'])} [{number(interval['low'])}, {number(interval['high'])}]"


def signed_interval(difference: Mapping[str, float] | None) -> str:
    """A difference with its sign and its interval; empty without one."""
    if difference is None:
        return ""
    return f"{difference['value']:+.4f} [{difference['low']:+.4f}, {difference['high']:+.4f}]"
