"""The id under which a request is found again in the logs, the client's own where it can be nothing else."""

import re
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.types import Scope

_GIVEN = re.compile(r"[0-9a-f]{16,32}", re.ASCII)


def request_id(scope: Scope) -> str:
    """The header X-Request-ID where it is a UUID or 16 to 32 hex digits, without hyphens; else a new one.

    Nothing else is taken: an id goes into logs, where a name or a word of a note could stand in a longer alphabet.
    """
    given = Headers(scope=scope).get("x-request-id", "").lower()
    bare = given.replace("-", "") if len(given) == 36 else given
    return bare if _GIVEN.fullmatch(bare) else uuid4().hex
