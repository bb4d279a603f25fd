"""Finds notes that are equal but for their blanks, so that they do not stand in two splits."""

import hashlib
from collections import Counter
from collections.abc import Iterable

_BLANKS = b" \t\n\r\v\f"


def text_digest(text: str) -> bytes:
    """16 bytes that are the same for texts with the same characters between their blanks."""
    content = text.replace("\xa0", " ").encode("utf-8", "surrogatepass").translate(None, _BLANKS)
    return hashlib.blake2b(content, digest_size=16).digest()


def joined_patients(documents: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """The group of every patient: patients with an equal note are one group, named by its smallest patient.

    Args:
        documents: (subject, digest of the text).
    """
    parent: dict[str, str] = {}
    first: dict[bytes, str] = {}

    def root(subject: str) -> str:
        parent.setdefault(subject, subject)
        while parent[subject] != subject:
            parent[subject] = parent[parent[subject]]
            subject = parent[subject]
        return subject

    for subject, digest in documents:
        one, other = sorted((root(subject), root(first.setdefault(digest, subject))))
        parent[other] = one
    return {subject: root(subject) for subject in parent}


def repeated(digests: Iterable[bytes]) -> tuple[int, int]:
    """How many texts occur more than once, and in how many documents."""
    times = [count for count in Counter(digests).values() if count > 1]
    return len(times), sum(times)
