"""The channels that read the note's own words: the lexicon, the names of codes, and the siblings of what the lexicon
proposes. They share one reading of the note."""

from dataclasses import dataclass

from model.candidates import Channel
from model.lexicon.lexicon import Lexicon
from model.lexicon.siblings import Siblings
from model.lexicon.titles import TitleIndex
from model.text.read_note import ReadNote

LEXICON, TITLES, SIBLINGS = "lexicon", "titles", "kin"


@dataclass(frozen=True)
class LexicalChannels:
    """What a bundle knows about words. The lexicon's columns are those of the label space, which come first in the code
    code set that the titles and the siblings range over."""

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
