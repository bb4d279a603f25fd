"""A service of the revision before this one: ``python tests/app/old_service.py serve ...``

The same program, told that it needs the schema that the database has when it starts, and that it need not look again.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sqlalchemy import Connection

from app import db
from icd_coder import main

real_revisions = db.revisions


def revisions_of_old(connection: Connection) -> tuple[str | None, str | None]:
    """The newest revision that this service knows is the one that is there."""
    current, _ = real_revisions(connection)
    return current, current


if __name__ == "__main__":
    db.revisions = revisions_of_old
    main()
