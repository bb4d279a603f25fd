"""A coder whose bundle has a ranker: fused answers, unseen codes, doubtful texts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.code_vectors import CodeVectors
from model.coder import Coder
from model.icd import Code
from model.labels import Label, LabelSpace
from model.ranking.calibration import Uncalibrated
from model.ranking.candidate_builder import CandidateBuilder
from model.ranking.combiner import LogisticCombiner
from model.ranking.conformal import ConformalSet
from model.ranking.fusion import Fusion
from model.ranking.neighbour_vote import RankingNeighbour
from model.ranking.ranker import Ranker
from model.ranking.thresholds import ThresholdPolicy
from model.text.known_words import KnownWords, words_of
from model.text.note_kind import Limits, NoteKind
from model.text.read_note import ReadNote
from model.text.word_pairs import pair_numbers
from tests.factories import LABELS, NOTE, tiny_coder
from tests.tiny_ranker import WordChannel

UNSEEN = Label("icd9cm", "V99", "Invented code without a note")
CODES = LabelSpace((*LABELS.labels, UNSEEN))
POLICIES = (ThresholdPolicy("global", 0.6), ThresholdPolicy("precision-0.95", 0.9))


def fusion(candidate_builder: CandidateBuilder, neighbours: list[RankingNeighbour] | None, **weights: float) -> Fusion:
    """A line through the named features, such as ``words_count`` for words.count."""
    names = candidate_builder.candidates(ReadNote(""), np.full(len(LABELS), 0.5), neighbours).names
    known = {name.replace(".", "_"): place for place, name in enumerate(names)}
    line = np.zeros(len(names))
    for name, weight in weights.items():
        line[known[name]] = weight
    size = len(names)
    return Fusion(names, LogisticCombiner(np.zeros(size), np.ones(size), line, np.zeros(1)), Uncalibrated(), POLICIES)


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Coder:
    """Words decide, then neighbours, then the classifier."""
    candidate_builder = CandidateBuilder(CODES, 100, WordChannel())
    ranker = Ranker(
        candidate_builder,
        fusion(candidate_builder, None, words_count=5.0, classifier_logit=0.1),
        fusion(candidate_builder, [], words_count=5.0, classifier_logit=0.1, neighbours_count=2.0),
    )
    plain = tiny_coder(tmp_path_factory.mktemp("ranked") / "bundle")
    return replace(plain, ranker=ranker, known_words=KnownWords(frozenset(words_of(NOTE))))


def test_an_unseen_code_is_proposed_and_marked(coder: Coder) -> None:
    """The word channel names column 6; it has no training note, no attention, and says who proposed it."""
    first = coder.predict([f"{NOTE} 6"])[0].codes[0]
    assert (first.code, first.train_count, first.seen_in_training) == ("V99", 0, False)
    assert first.channels == ("words",)
    assert first.evidence == ()
    assert first.selected
    assert all(code.seen_in_training == (code.train_count > 0) for code in coder.predict([NOTE])[0].codes)


def test_neighbours_change_the_order_and_their_absence_is_told(coder: Coder) -> None:
    """An empty list of neighbours is an answer of a database, None is no database."""
    last = coder.predict([NOTE])[0].codes[-1]
    voter = RankingNeighbour(0.9, [label.key for label in LABELS.labels if label.code == last.code])
    with_voter, with_none, without = (coder.predict([NOTE], neighbours=[voters])[0] for voters in ([voter], [], None))
    assert with_voter.codes[0].code == last.code
    assert "neighbours" in with_voter.codes[0].channels
    assert "ranked without neighbours" not in (*with_voter.warnings, *with_none.warnings)
    assert "ranked without neighbours" in without.warnings
    with pytest.raises(ValueError, match="neighbours has 1 entries"):
        coder.predict([NOTE, NOTE], neighbours=[[]])


def test_the_policy_chooses_the_thresholds(coder: Coder) -> None:
    """Of the ranker, not of the classifier."""
    assert {code.threshold for code in coder.predict([NOTE])[0].codes} == {0.6}
    strict = coder.predict([f"{NOTE} 6"], policy="precision-0.95")[0].codes[0]
    assert strict.threshold == 0.9
    assert strict.selected


@pytest.mark.parametrize(
    "text",
    ["El paciente inventado 6 6 6 fue dado de alta sin fiebre ni tos", "[**Known lastname 1**] [**2101-3-4**] 6 6 6"],
    ids=["another language", "placeholders alone"],
)
def test_a_doubtful_text_gets_an_answer_and_no_confident_code(coder: Coder, text: str) -> None:
    """However sure a channel is."""
    answer = coder.predict([text])[0]
    assert answer.codes
    assert not any(code.selected or code.probability > code.threshold for code in answer.codes)
    assert "another language, or no note?" in answer.warnings[0]
    assert "inventado" not in " ".join(answer.warnings)
    assert coder.predict([f"{NOTE} 6 6 6"])[0].codes[0].selected


def test_a_note_of_another_kind_keeps_its_codes_unless_it_is_far_from_all(coder: Coder) -> None:
    """An unusual note is told as such; a doubted one gets no selected code and misses none."""
    text = f"{NOTE} 6 6 6"
    here = coder.score(text).embedding
    pairs = np.unique(pair_numbers(words_of(text)))
    limits = Limits(usual_pairs=0.9, doubted_pairs=0.2, usual_distance=0.1, doubted_distance=1.5)
    told, told_audit = "", ""
    for centre, selected in ((here, True), (np.roll(here, 7), True), (-here, False)):
        judge = replace(coder, note_kind=NoteKind(pairs, centre[None], limits))
        answer = judge.predict([text])[0]
        assert answer.codes[0].selected is selected
        told += f"|{answer.warnings[0]}"
        assert coder.ranker is not None
        without = replace(coder.ranker.without_neighbours, conformal=(ConformalSet(0.1, 0.8, 100),))
        found = replace(judge, ranker=replace(coder.ranker, without_neighbours=without)).audit(text, [])
        assert bool(found.audit.missing) is selected
        told_audit += f"|{found.warnings[0]}"
    assert told == told_audit
    first, second, third = told.split("|")[1:]
    assert "unlike" not in first
    assert "unlike the training notes (its embedding is" in second
    assert "No code is selected" not in second
    assert "No code is selected" in third


def test_probabilities_of_the_label_space_are_those_of_the_answer(coder: Coder) -> None:
    """Codes beyond the label space have no column there."""
    found = coder.probabilities(f"{NOTE} 6 3")
    answer = {(code.system, code.code): code.probability for code in coder.predict([f"{NOTE} 6 3"])[0].codes}
    assert found.tolist() == [answer.get((label.system, label.code), 0.0) for label in LABELS.labels]


def test_an_audit_judges_by_the_ranking_and_shows_the_words(coder: Coder) -> None:
    """As audit_note does with the evidence of a prediction; a doubtful text misses nothing."""
    assert coder.ranker is not None
    sets = (ConformalSet(0.1, 0.8, 100),)
    without = replace(coder.ranker.without_neighbours, conformal=sets)
    judge = replace(coder, ranker=replace(coder.ranker, without_neighbours=without, with_neighbours=None))
    text = f"{NOTE} 6 3"
    assigned = [UNSEEN.key, LABELS[0].key, Code("icd10cm", "I21")]
    found = judge.audit(text, assigned)
    assert [each.code for each in found.audit.supported] == [UNSEEN.key]
    assert [each.code for each in found.audit.unsupported] == [LABELS[0].key]
    assert [each.code for each in found.audit.missing] == [LABELS[3].key]
    assert found.audit.not_judged == (Code("icd10cm", "I21"),)
    predicted = {(code.system, code.code): code.evidence for code in judge.predict([text])[0].codes}
    for each in (*found.audit.supported, *found.audit.unsupported, *found.audit.missing):
        assert each.evidence == predicted[each.code]
    assert found.audit.unsupported[0].evidence
    assert all(not each.evidence for each in judge.audit(text, assigned, "none").audit.unsupported)
    doubtful = judge.audit("El paciente inventado 6 3 fue dado de alta sin fiebre ni tos", [])
    assert doubtful.audit.missing == ()
    assert "another language" in doubtful.warnings[0]


def test_the_policies_are_those_of_the_answers(coder: Coder, tmp_path: Path) -> None:
    """Of the ranker; of a bundle without one the tuned threshold and what it names."""
    assert coder.threshold_policies(with_neighbours=True) == coder.threshold_policies(with_neighbours=False) == POLICIES
    plain = tiny_coder(tmp_path / "bundle")
    first, own = plain.threshold_policies(with_neighbours=True)
    assert (first.name, first.everywhere, first.own) == ("global", 0.5, None)
    assert (own.name, own.expected_precision) == ("per-code", 0.75)


def test_the_classifier_alone_answers_as_before(tmp_path: Path) -> None:
    """A bundle without a ranker proposes by no channel and lists every code."""
    plain = tiny_coder(tmp_path / "bundle")
    answer = plain.predict([NOTE])[0]
    assert {code.channels for code in answer.codes} == {()}
    np.testing.assert_array_equal(plain.probabilities(NOTE), plain.score(NOTE).probabilities)
    assert "ranked without neighbours" not in answer.warnings


def test_the_code_vector_of_a_note_knows_nothing_of_neighbours(coder: Coder) -> None:
    """Planted neighbours turn the answer, and leave the vector that finds similar notes as it was."""
    assert coder.ranker is not None
    vectors = CodeVectors(np.ones(len(CODES), dtype=np.float32), 0.5)
    coder = replace(coder, ranker=replace(coder.ranker, code_vectors=vectors))
    planted = [RankingNeighbour(0.9, [LABELS[0].key])] * 50
    alone, led = (coder.predict([NOTE], neighbours=[found])[0] for found in (None, planted))
    assert led.codes[0].code != alone.codes[0].code
    assert alone.code_vector is not None
    assert led.code_vector is not None
    np.testing.assert_array_equal(led.code_vector.values, alone.code_vector.values)
    (stored,) = coder.vectors([NOTE])
    assert stored.codes is not None
    np.testing.assert_array_equal(stored.codes.values, alone.code_vector.values)
    np.testing.assert_array_equal(stored.embedding, alone.embedding)


def test_a_bundle_without_weights_of_codes_writes_no_code_vector(coder: Coder) -> None:
    assert coder.code_vectors is None
    assert coder.predict([NOTE])[0].code_vector is None
    assert coder.vectors([NOTE])[0].codes is None
