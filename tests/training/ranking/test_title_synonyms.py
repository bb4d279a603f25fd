"""Words of notes learn the words of titles that they stand for, from annotated spans."""

import pytest

from model.dataset import CodeSpan, Document
from model.icd import Code
from model.labels import Label, LabelSpace
from model.lexicon.titles import TitleIndex
from training.ranking.titles_fit import fit_titles, learn_title_words
from training.ranking.training_note import TrainingNote, training_note

LABELS = LabelSpace(
    (Label("icd10cm", "N28.9", "Kidney disorder", 4), Label("icd10cm", "R52", "Pain", 4)),
)
TABLE = [(Code("icd10cm", "N23"), "Kidney pain")]
CODE_SET = LABELS.extended(TABLE)
SPOKEN = {"es": ("trastorno renal", "dolor"), "en": ("renal trouble", "ache")}


def taught(language: str) -> list[TrainingNote]:
    """Eight invented notes, each with one marked phrase."""
    notes = []
    for n in range(8):
        phrase = SPOKEN[language][n % 2]
        text = f"Nota inventada: {phrase}."
        start, code = text.index(phrase), LABELS[n % 2].key
        evidence = (CodeSpan(code, start, start + len(phrase)),)
        document = Document(f"d{n}", f"p{n}", "train", text, (code,), evidence=evidence)
        notes.append(training_note(document, CODE_SET.columns, language))
    return notes


def titles(language: str) -> TitleIndex:
    return fit_titles(CODE_SET, (), taught(language), language)


@pytest.mark.parametrize(("language", "text"), [("es", "Dolor renal."), ("en", "Renal ache.")])
def test_learned_words_reach_a_code_that_no_note_has(language: str, text: str) -> None:
    """The name of N23 in words that only the spans of other codes have taught."""
    assert CODE_SET.column(TABLE[0][0]) in titles(language).features(text).columns.tolist()
    assert fit_titles(CODE_SET, (), (), language).features(text).columns.tolist() == []


def test_a_dictionary_lets_english_names_speak_about_a_note() -> None:
    """Without any annotated span; the stronger of two sources counts, words that no name has change nothing."""
    index = fit_titles(CODE_SET, (), (), "es", {"dolor": {"pain": 0.9}, "renal": {"kidney": 0.8}, "gato": {"cat": 1.0}})
    found = index.features("Dolor renal, gato.")
    assert CODE_SET.column(TABLE[0][0]) in found.columns.tolist()
    stronger = fit_titles(CODE_SET, (), taught("es"), "es", {"dolor": {"pain": 0.1}})
    place = found.names.index("titles.coverage")
    assert stronger.features("Dolor.").values[:, place].max() == 1.0


def test_a_word_stands_for_itself_in_english_only() -> None:
    """A Spanish note says nothing in English words by itself."""
    assert titles("en").features("Pain.").columns.tolist()[0] == 1
    assert titles("es").features("Pain.").columns.tolist() == []


def test_strengths_lie_between_0_and_1() -> None:
    """ "dolor" goes with "pain" alone, "renal" with two words."""
    table = learn_title_words(taught("es"), {0: ("disord", "kidney"), 1: ("pain",)})
    assert table["dolor"] == {"pain": 1.0}
    assert all(0 < strength <= 1 for found in table.values() for strength in found.values())


def test_a_code_without_a_title_teaches_nothing() -> None:
    """CodiEsp has codes of the Spanish edition."""
    assert learn_title_words(taught("es"), {0: ()}) == {}
