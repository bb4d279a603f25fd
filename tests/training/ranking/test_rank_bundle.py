"""A bundle gets a ranker: fitted on dev, with neighbours from training notes of other patients only."""

import json
from pathlib import Path

import numpy as np
import pytest

from model.bundle import load_bundle
from model.dataset import load_dataset
from model.errors import InvalidOption, OutputExists
from model.ranking.neighbour_vote import RankingNeighbour
from tests.benchmarks.add_ranker import add_ranker
from tests.factories import NOTE, save_tiny_bundle, write_tiny_dataset
from training.ranking.ranker_fit import nearest
from training.run.evaluate import evaluate_bundle
from training.run.training_neighbours import TrainingNeighbours


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, a tiny bundle, and the bundle with a ranker."""
    folder = tmp_path_factory.mktemp("ranked")
    write_tiny_dataset(folder / "data", 80)
    save_tiny_bundle(folder / "bundle", labels=load_dataset(folder / "data").labels)
    add_ranker(folder / "bundle", folder / "data", folder / "ranked")
    return folder


def test_the_new_bundle_answers_by_its_ranker(made: Path) -> None:
    """With neighbours and without; the old one is as it was; encoder and embeddings are the same."""
    old, new = load_bundle(made / "bundle"), load_bundle(made / "ranked")
    assert old.ranker is None
    assert new.ranker is not None
    assert new.ranker.with_neighbours is not None
    assert (new.embedding_id, new.bundle_id != old.bundle_id) == (old.embedding_id, True)
    voter = RankingNeighbour(0.9, [new.labels[0].key])
    plain, fused = new.predict([NOTE])[0], new.predict([NOTE], neighbours=[[voter]])[0]
    assert [code.probability for code in plain.codes] != [code.probability for code in fused.codes]
    assert new.threshold.value == new.ranker.without_neighbours.policies[0].everywhere


def test_the_card_says_what_was_measured_on_held_out_notes(made: Path) -> None:
    """Calibration, policies and sets, with neighbours and without."""
    card = json.loads((made / "ranked" / "card.json").read_text())["ranker"]
    for name in ("without_neighbours", "with_neighbours"):
        assert card[name]["notes"] == 16
        assert set(card[name]["ece_top_20"]) == {"uncalibrated", "calibrated", "prior"}
        assert "global" in card[name]["thresholds"]
    assert card["from_bundle"] == load_bundle(made / "bundle").bundle_id


def test_evaluate_judges_the_ranked_answer(made: Path) -> None:
    """The report's scores are the probabilities that the bundle answers with."""
    evaluate_bundle(made / "ranked", made / "data", "test", made / "report")
    scores = np.load(made / "report" / "scores.npy")
    coder, document = load_bundle(made / "ranked"), load_dataset(made / "data").require("test")[0]
    np.testing.assert_allclose(scores[0], coder.probabilities(document.text), rtol=1e-6)


def test_neighbours_are_training_notes_of_other_patients_nearest_first(made: Path) -> None:
    """Each query against every training note, by hand; a note of the query's own patient never votes."""
    dataset = load_dataset(made / "data")
    train, dev = dataset.require("train"), dataset.require("dev")
    random = np.random.default_rng(0)
    corpus, queries = random.normal(size=(len(train), 8)), random.normal(size=(len(dev), 8))
    found = nearest(corpus, train, queries, dev)
    for query, voters in zip(queries, found, strict=True):
        order = sorted(range(len(train)), key=lambda place: -float(corpus[place] @ query))
        assert [voter.codes for voter in voters] == [train[place].codes for place in order[: len(voters)]]
    corpus /= np.linalg.norm(corpus, axis=1, keepdims=True)
    for place, voters in enumerate(nearest(corpus, train, corpus, train)):
        others = sum(subject != train.subject_ids[place] for subject in train.subject_ids)
        assert len(voters) == min(50, others)
        assert max(voter.similarity for voter in voters) < 0.9999  # a note's own copy would have 1


def test_what_cannot_be_fitted_is_refused(made: Path, tmp_path: Path) -> None:
    """A bundle that has a ranker, one that was fitted on dev, an output that is taken."""
    with pytest.raises(InvalidOption, match="has a ranker already"):
        add_ranker(made / "ranked", made / "data", tmp_path / "again")
    with pytest.raises(OutputExists):
        add_ranker(made / "bundle", made / "data", made / "ranked")
    assert not (tmp_path / "again").exists()


def test_evaluate_writes_a_run_file_and_lets_the_ranker_hear_training_notes(made: Path) -> None:
    """id<TAB>code, lower case, best first; with neighbours other scores, and the report says so."""
    reports = {}
    for name, neighbours in (("alone", False), ("heard", True)):
        reports[name] = evaluate_bundle(made / "ranked", made / "data", "test", made / name, neighbours=neighbours)
    coder, dataset = load_bundle(made / "ranked"), load_dataset(made / "data")
    document = dataset.require("test")[0]
    lines = [line.split("\t") for line in (made / "alone" / "run.tsv").read_text().splitlines()]
    own = [code for name, code in lines if name == document.document_id]
    assert own == [coder.codes[column].code.lower() for column in coder.ranked(document.text).columns.tolist()][:500]
    assert "without neighbours" in reports["alone"]["ranking"]
    assert "with the nearest training notes" in reports["heard"]["ranking"]
    assert "training notes" in (made / "heard" / "report.md").read_text()
    alone, heard = (np.load(made / name / "scores.npy") for name in ("alone", "heard"))
    assert not np.array_equal(alone, heard)
    voters = TrainingNeighbours(coder, dataset).of(document)
    np.testing.assert_allclose(heard[0], coder.of_label_space(coder.ranked(document.text, voters)), rtol=1e-6)


def test_the_classifier_of_a_ranked_bundle_can_be_judged_alone(made: Path) -> None:
    """Its scores and its threshold are those of the bundle without a ranker."""
    alone = evaluate_bundle(made / "ranked", made / "data", "test", made / "classifier", ranker=False)
    plain = evaluate_bundle(made / "bundle", made / "data", "test", made / "plain")
    np.testing.assert_array_equal(*(np.load(made / name / "scores.npy") for name in ("classifier", "plain")))
    assert (alone["ranking"], alone["threshold"]) == (None, plain["threshold"])


def test_a_bundle_that_hears_no_neighbours_refuses_them(made: Path) -> None:
    """With the remedy."""
    with pytest.raises(InvalidOption, match="leave --neighbours out"):
        evaluate_bundle(made / "bundle", made / "data", "test", made / "deaf", neighbours=True)
