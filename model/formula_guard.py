"""The quote before a cell of a table that a spreadsheet would take for a formula: written, and taken off again.

After OWASP's page "CSV Injection".
"""

STARTS = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """With one more quote where it begins like a formula, behind quotes of its own perhaps."""
    return f"'{text}" if _is_formula(text) else text


def unguarded(text: str) -> str:
    """The text of which :func:`guarded` made this one."""
    return text[1:] if text.startswith("'") and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    return text.lstrip("'").startswith(STARTS)
