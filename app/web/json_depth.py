"""How deeply a JSON body is nested, found out before it is parsed: a parser recurses, this does not."""

import re

# A string that never ends goes to the end of the body; possessive, so that no body takes more than linear time.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def is_deeper(body: bytes, limit: int) -> bool:
    """Whether arrays and objects lie more than ``limit`` deep in one another; brackets in strings do not count."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False
