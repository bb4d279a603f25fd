"""Coverage of code names by sentences, against a slow twin that tries every sentence."""

import numpy as np
import pytest

from model.errors import MalformedInput
from model.icd import Code
from model.labels import Label, LabelSpace
from model.lexicon.titles import LEAST, TitleIndex
from model.lexicon.titles import NAMES as NAMES_OF
from model.text.assertion import NOT_PRESENT
from model.text.read_note import ReadNote
from training.ranking.titles_fit import fit_titles, term_stems

TRAINED = LabelSpace((Label("icd10cm", "I10", "Essential (primary) hypertension", 5),))
TABLE = [
    (Code("icd10cm", "A04.7"), "Enterocolitis due to Clostridium difficile"),
    (Code("icd10cm", "I10"), "A title that the label space has already"),
    (Code("icd10cm", "J45.909"), "Unspecified asthma, uncomplicated"),
    (Code("icd10cm", "K85.90"), "Acute pancreatitis without necrosis or infection, unspecified"),
    (Code("icd10cm", "M10.9"), "Gout, unspecified"),
]
CODE_SET = TRAINED.extended(TABLE)
NAMES = [(Code("icd10cm", "A04.7"), "Pseudomembranous colitis")]
TEXTS = (
    "Invented: acute disease. She had pancreatitis. Known gout.",
    "Pseudomembranous colitis by Clostridium difficile, an enterocolitis; no asthma.",
    "Father with gout. Hypertension. Acute pancreatitis with infections.",
    "",
)


@pytest.fixture(scope="module")
def index() -> TitleIndex:
    return fit_titles(CODE_SET, NAMES)


def twin(index: TitleIndex, text: str) -> dict[int, float]:
    """Best coverage of each code by every sentence and every name, with sets."""
    note = ReadNote(text)
    weight = dict(zip(index.stems, index.weight.tolist(), strict=True))
    named = [(CODE_SET.column(label.key), label.title) for label in CODE_SET.labels]
    best: dict[int, float] = {}
    for column, name in [*named, *((CODE_SET.column(code), name) for code, name in NAMES)]:
        stems = set(term_stems(name))
        for sentence in set(note.words.sentence.tolist()):
            said = {
                stem
                for stem, place, context in zip(note.words.stems, note.words.sentence, note.contexts, strict=True)
                if place == sentence and not context & NOT_PRESENT
            }
            covered = sum(weight[stem] for stem in stems & said) / sum(weight[stem] for stem in stems)
            if column is not None and covered >= LEAST:
                best[column] = max(best.get(column, 0.0), covered)
    return best


@pytest.mark.parametrize("text", TEXTS)
def test_coverage_is_that_of_the_best_sentence(index: TitleIndex, text: str) -> None:
    """Of the best name; names in brackets aside, which may be left out, are no better here."""
    features = index.features(text)
    found = dict(zip(features.columns.tolist(), features.values[:, 0].tolist(), strict=True))
    expected = twin(index, text)
    assert {column: value for column, value in found.items() if column != 0} == pytest.approx(
        {column: value for column, value in expected.items() if column != 0}, rel=1e-6
    )


@pytest.mark.parametrize("text", TEXTS)
def test_the_words_that_cover_a_name_are_said_in_one_sentence(index: TitleIndex, text: str) -> None:
    """Their stems have just the coverage that the channel's feature has; no code is left out."""
    note = ReadNote(text)
    features = index.features(text)
    found = index.covering_words(note, np.arange(len(CODE_SET)))
    coverage = {column: words.coverage for column, words in found.items()}
    assert coverage == pytest.approx(dict(zip(features.columns.tolist(), features.values[:, 0].tolist(), strict=True)))
    weight = dict(zip(index.stems, index.weight.tolist(), strict=True))
    for column, words in found.items():
        assert len(set(note.words.sentence[words.places].tolist())) == 1
        assert not (note.contexts[words.places] & NOT_PRESENT).any()
        said = {note.words.stems[place] for place in words.places.tolist()}
        names = [
            term_stems(name)
            for name in (CODE_SET[column].title, *(n for code, n in NAMES if CODE_SET.column(code) == column))
        ]
        best = max(sum(weight[s] for s in set(name) & said) / sum(weight[s] for s in set(name)) for name in names)
        assert column == 0 or best == pytest.approx(words.coverage)
    assert index.covering_words(note, np.array([], dtype=np.int64)) == {}


def test_an_unseen_code_is_proposed_by_its_name(index: TitleIndex) -> None:
    """A code that no training note has, and a synonym that its title lacks."""
    columns = index.features("Pseudomembranous colitis was seen.").columns.tolist()
    assert columns == [CODE_SET.column(Code("icd10cm", "A04.7"))]
    assert CODE_SET.train_counts[columns[0]] == 0


def test_words_aside_are_optional(index: TitleIndex) -> None:
    """ "Essential (primary) hypertension" is covered wholly without the bracket."""
    assert index.features("Essential hypertension.").values[0, 0] == 1.0


def test_what_is_denied_covers_nothing(index: TitleIndex) -> None:
    """Negated, and of the family."""
    assert index.features("No gout.").columns.tolist() == []
    assert index.features("Mother had gout.").columns.tolist() == []


def test_the_label_space_comes_first() -> None:
    """With its own columns, titles and counts; a code of the table comes once."""
    assert [label.code for label in CODE_SET.labels] == ["I10", "A04.7", "J45.909", "K85.90", "M10.9"]
    assert CODE_SET[0].count_train == 5
    assert CODE_SET.columns([Code("icd10cm", "M10.9"), Code("icd10cm", "I10"), Code("icd9cm", "486")]).tolist() == [
        0,
        4,
    ]
    assert (CODE_SET.train_counts > 0).tolist() == [True, False, False, False, False]


def test_a_code_twice_is_refused() -> None:
    """The columns would not be one's own."""
    with pytest.raises(MalformedInput, match="twice"):
        LabelSpace(
            (
                *TRAINED.labels,
                *TRAINED.labels,
            )
        )


def test_an_index_without_names_says_nothing() -> None:
    """Codes without a title, as of a table of one's own."""
    nameless = fit_titles(LabelSpace((Label("icd10cm", "I10", ""),)), ())
    assert nameless.features("hypertension").columns.shape == (0,)
    assert np.isfinite(nameless.features("hypertension").values).all()


def test_words_that_stand_apart_are_told_from_those_together(index: TitleIndex) -> None:
    """The words between the first and the last of a name in its best sentence, as log2(1 + words)."""
    gap, column = NAMES_OF.index("titles.log_gap"), CODE_SET.column(Code("icd10cm", "A04.7"))
    for text, words in (("Pseudomembranous colitis was seen.", 0), ("Colitis, perhaps even pseudomembranous.", 2)):
        features = index.features(text)
        row = features.values[features.columns.tolist().index(column)]
        assert row[gap] == pytest.approx(np.log2(1 + words))
