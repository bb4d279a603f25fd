"""An id as a message may show it: what was taken for one can be a note, where an option names the wrong column."""

LONGEST = 40


def shown_id(value: str) -> str:
    """The id, or words in its place when it is longer than ids are or holds a blank."""
    return value if len(value) <= LONGEST and not any(letter.isspace() for letter in value) else "a long text"
