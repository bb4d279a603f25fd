"""The lexical channels: phrases of the lexicon, names of codes, siblings of what these propose, and a linear model."""

from dataclasses import dataclass

from model.candidates import Channel
from model.lexicon.lexicon import Lexicon
from model.lexicon.linear_phrases import LINEAR, LinearPhrases
from model.lexicon.siblings import Siblings
from model.lexicon.titles import TitleIndex
from model.text.read_note import ReadNote

LEXICON, TITLES, SIBLINGS = "lexicon", "titles", "kin"


@dataclass(frozen=True)
class LexicalChannels:
    """The lexical channels of a bundle. Titles and siblings cover the code set; the lexicon and the linear model
    cover the label space, whose columns come first in it."""

    lexicon: Lexicon
    titles: TitleIndex
    siblings: Siblings
    linear: LinearPhrases | None = None
    """None in a bundle of an earlier version."""

    @property
    def names(self) -> tuple[str, ...]:
        return (LEXICON, TITLES, SIBLINGS, *([] if self.linear is None else [LINEAR]))

    @property
    def language(self) -> str:
        return self.lexicon.language

    def channels(self, note: ReadNote) -> list[Channel]:
        """The candidates of each channel for a note in the channels' language."""
        rows = self.lexicon.rows(note)
        lexical, named = self.lexicon.row_features(rows), self.titles.note_features(note)
        siblings = self.siblings.of(lexical, named)
        found = [Channel(LEXICON, lexical), Channel(TITLES, named), Channel(SIBLINGS, siblings)]
        return found if self.linear is None else [*found, self.linear.channel(rows)]
