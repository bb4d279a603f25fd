"""The lexical channels: phrases of the lexicon, names of codes, and siblings of the codes that the lexicon proposes."""

from dataclasses import dataclass

from model.candidates import Channel
from model.lexicon.lexicon import Lexicon
from model.lexicon.siblings import Siblings
from model.lexicon.titles import TitleIndex
from model.text.read_note import ReadNote

LEXICON, TITLES, SIBLINGS = "lexicon", "titles", "kin"


@dataclass(frozen=True)
class LexicalChannels:
    """The lexical channels of a bundle. Titles and siblings cover the code set; the lexicon covers the label space,
    whose columns come first in it."""

    lexicon: Lexicon
    titles: TitleIndex
    siblings: Siblings

    @property
    def names(self) -> tuple[str, ...]:
        return (LEXICON, TITLES, SIBLINGS)

    @property
    def language(self) -> str:
        return self.lexicon.language

    def channels(self, note: ReadNote) -> list[Channel]:
        """The candidates of each channel for a note in the channels' language."""
        lexical, named = self.lexicon.note_features(note), self.titles.note_features(note)
        return [Channel(LEXICON, lexical), Channel(TITLES, named), Channel(SIBLINGS, self.siblings.of(lexical, named))]
