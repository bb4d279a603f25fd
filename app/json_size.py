"""How large and how deep JSON is, before it is parsed: parsing, and listing what is wrong, can take a hundred times as
long as reading, and holds up every other request."""

import re
from itertools import islice

MOST_TOKENS = 50_000
"""Strings, commas and brackets of one body, or of one line of a job; untuned. A code with its system has 8."""
# An unclosed string extends to the end of the body. Possessive quantifiers keep the time linear.
SIGNS = (b'"', b",", b"[", b"]", b"{", b"}")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


def is_larger(body: bytes, most: int = MOST_TOKENS) -> bool:
    """Whether there are more than ``most`` strings, commas outside of them, and brackets."""
    if sum(body.count(sign) for sign in SIGNS) <= most:
        return False  # no token is without one of them, and counting is twenty times faster
    return next(islice(_TOKEN.finditer(body), most, None), None) is not None


def is_deeper(body: bytes, limit: int) -> bool:
    """Whether arrays and objects are nested more than ``limit`` deep; brackets in strings do not count.

    Looks at the first MOST_TOKENS, since :func:`is_larger` refuses what has more.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for token in islice(_TOKEN.finditer(body), MOST_TOKENS):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False
