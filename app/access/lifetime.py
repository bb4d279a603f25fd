"""How long a key lives, as one writes it: 12h, 90d, 52w."""

import re
from datetime import timedelta

from model.errors import InvalidOption

UNITS = {"h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=3660)
"""Ten years; a key without an end is made without --expires."""


def parse_lifetime(text: str) -> timedelta:
    """The time of a number and a unit.

    Raises:
        InvalidOption: anything else, nothing, or more than ten years.
    """
    parts = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    lifetime = timedelta(**{UNITS[parts[2]]: int(parts[1])}) if parts else timedelta()
    if not timedelta() < lifetime <= LONGEST:
        raise InvalidOption(
            f"--expires '{text}' cannot be used: give hours, days or weeks such as 12h, 90d or 52w, up to ten years"
        )
    return lifetime
