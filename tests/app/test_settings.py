"""Settings: the table in the docs, and where a value comes from."""

import re
from pathlib import Path

from app.settings import PREFIX, Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    """Name, default and meaning of every setting, in the same order."""
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    expected = [
        (name, "none" if field.default is None else f"`{field.default}`", field.description)
        for name, field in Settings.model_fields.items()
    ]
    assert [(name.removeprefix(PREFIX).lower(), default, meaning) for name, default, meaning in rows] == expected
