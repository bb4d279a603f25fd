"""Word stems by Snowball (Porter 1980, 2001), so that "infarction" and "infarctions" are one word.

``snowballstemmer`` is imported when the first word is stemmed: ``model`` imports on a machine without it.
"""

import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

from model.errors import InvalidOption, MissingInput

LANGUAGES = {"en": "english", "es": "spanish"}


def plain(word: str) -> str:
    """Lower case without accents: "Corazón" -> "corazon"."""
    if word.isascii():
        return word.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c))


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    """Stem of a :func:`plain` word.

    Raises:
        InvalidOption: a language without rules.
        MissingInput: the package ``snowballstemmer`` is not installed.
    """
    return _stemmer(language)(word)


@cache
def _stemmer(language: str) -> Callable[[str], str]:
    if language not in LANGUAGES:
        raise InvalidOption(f"there is no stemmer for the language '{language}': use one of {', '.join(LANGUAGES)}")
    try:
        import snowballstemmer
    except ImportError as error:
        raise MissingInput(
            "the package 'snowballstemmer' finds the stems of words and is not installed: pip install snowballstemmer"
        ) from error
    stem_word: Callable[[str], str] = snowballstemmer.stemmer(LANGUAGES[language]).stemWord
    return stem_word
