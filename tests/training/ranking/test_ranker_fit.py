"""What a ranker is fitted on: notes that none of its channels learned from, and nothing that tells of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.dataset import Document, load_dataset
from model.errors import InvalidOption
from model.icd import Code
from model.labels import Label, LabelSpace
from tests.factories import tiny_documents, write_tiny_dataset
from training.ranking.combiner_fit import TreeSettings, fit_trees
from training.ranking.lexical_fit import LexicalFit, code_set_named, language_of, lexical_fit
from training.ranking.ranker_fit import RankerFold, TrainingNoteCache, counted, fit_ranker, some_of, validation_notes

KNOWN = Code("icd9cm", "401.9")
HELD_OUT = Code("icd9cm", "428.0")
NOWHERE = Code("icd9cm", "999.99")
LABELS = LabelSpace(
    (Label(*KNOWN, "Essential hypertension", 3), Label(*HELD_OUT, "Heart failure"), Label(*NOWHERE, ""))
)


def note(number: int, text: str, *codes: Code) -> Document:
    return Document(f"d{number}", f"p{number}", "train", text, codes)


CORPUS = [note(number, "Hypertension, treated at home.", KNOWN) for number in range(3)]
NOTES = [note(9, "Congestive heart failure and hypertension.", HELD_OUT, KNOWN, NOWHERE)]


def part() -> RankerFold:
    embeddings = np.eye(4, dtype=np.float32)
    return RankerFold(CORPUS, embeddings[:3], NOTES, embeddings[:1], np.array([[0.9, 0.8, 0.7]], dtype=np.float32))


def lexical(code_set: str | None = None) -> LexicalFit:
    return LexicalFit(code_set_named(LABELS, code_set), len(LABELS), least=1)


def test_a_code_of_held_out_notes_looks_like_any_code_of_the_table() -> None:
    """The classifier, which has a column for it, says nothing; it is proposed by its name alone."""
    fit = lexical("icd9cm")
    judged, _ = validation_notes(part(), fit, TrainingNoteCache(fit))[0]
    columns, names = judged.candidates.columns.tolist(), judged.candidates.names
    own = judged.candidates.values[columns.index(1)]
    assert np.isnan(own[[place for place, name in enumerate(names) if name.startswith("classifier.")]]).all()
    assert own[names.index("titles.coverage")] == 1
    other = judged.candidates.values[max(range(len(columns)), key=lambda place: columns[place])]
    prior = names.index("prior.log_share")
    assert own[prior] == other[prior]


def test_a_code_that_only_the_held_out_note_knows_is_no_candidate() -> None:
    """It stands in no table; as an assigned code it still counts as missed."""
    fit = lexical("icd9cm")
    for judged in validation_notes(part(), fit, TrainingNoteCache(fit))[0]:
        assert 2 not in judged.candidates.columns
        assert judged.assigned.tolist() == [0, 1, 2]


def test_neighbours_are_heard_in_the_second_of_the_two() -> None:
    """Votes are of the corpus; the first has no feature of theirs."""
    fit = lexical("trained")
    without, heard = validation_notes(part(), fit, TrainingNoteCache(fit))[0]
    assert not any(name.startswith("neighbours.") for name in without.candidates.names)
    vote = heard.candidates.names.index("neighbours.count")
    assert heard.candidates.values[heard.candidates.columns.tolist().index(0), vote] == 3


@pytest.mark.parametrize("name", ["icd9cm", "icd10cm"])
def test_the_codes_of_the_table_follow_in_ascending_order(name: str) -> None:
    """ICD-10-CM's categories among its codes: a bundle's columns must not depend on the order of the tables."""
    added = [label.key for label in code_set_named(LABELS, name).labels[len(LABELS) :]]
    assert added == sorted(added)


def test_the_code_set_is_that_of_the_data_s_own_table() -> None:
    """The label space comes first, in its columns; another name is refused with those there are."""
    assert code_set_named(LABELS, "trained").labels == LABELS.labels
    codes = code_set_named(LABELS)
    assert codes.labels[: len(LABELS)] == LABELS.labels
    assert len(codes) > 10_000
    assert {label.count_train for label in codes.labels[len(LABELS) :]} == {0}
    with pytest.raises(InvalidOption, match="icd10cm, icd9cm, got 'snomed'"):
        code_set_named(LABELS, "snomed")


def test_counts_are_those_of_the_notes_that_were_learned_from() -> None:
    """A code twice in a note is one note; titles and order stay."""
    documents = [note(1, "x", KNOWN, KNOWN), note(2, "x", KNOWN, NOWHERE)]
    assert [label.count_train for label in counted(LABELS, documents).labels] == [2, 0, 1]


def test_phrases_are_of_five_patients_and_the_language_is_the_dataset_s(tmp_path: Path) -> None:
    """Of public corpora too, unless the user says how many; of a language where there is a stemmer for it."""
    dataset = load_dataset(write_tiny_dataset(tmp_path / "data"))
    assert (lexical_fit(dataset, None).least, language_of(dataset)) == (5, "en")
    public = replace(dataset, manifest={"options": {"source": "codiesp", "language": "es"}})
    assert (lexical_fit(public, None).least, language_of(public)) == (5, "es")
    assert lexical_fit(public, None, 1).least == 1
    assert language_of(replace(dataset, manifest={"options": {"language": "xx"}})) == "en"


def test_a_ranker_learns_from_the_notes_of_all_parts() -> None:
    """Each judged once; its channels know every note that they are given."""
    documents = tiny_documents(40)
    labels = counted(
        LabelSpace(tuple(Label(*c, "") for c in sorted({c for d in documents for c in d.codes}))), documents
    )
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(40, 4)).astype(np.float32)
    probabilities = random.random((40, len(labels))).astype(np.float32)
    halves = [np.arange(40) % 2 == side for side in (0, 1)]
    parts = [
        RankerFold(
            [d for d, inside in zip(documents, ~half, strict=True) if inside],
            embeddings[~half],
            [d for d, inside in zip(documents, half, strict=True) if inside],
            embeddings[half],
            probabilities[half],
        )
        for half in halves
    ]
    fitted = fit_ranker(parts, documents, LexicalFit(labels, len(labels)))
    assert fitted.with_neighbours.pairs.num_notes == 40
    assert fitted.ranker.lexical is not None
    assert fitted.ranker.lexical.lexicon.notes == fitted.ranker.candidate_builder.documents == 40


def test_some_of_many_are_drawn_in_their_order() -> None:
    """All where they are few; the same every time."""
    assert some_of([3, 1, 2], 5) == [3, 1, 2]
    drawn = some_of(range(1000), 10)
    assert list(drawn) == sorted(drawn)
    assert len(set(drawn)) == 10
    assert drawn == some_of(range(1000), 10)


def test_trees_that_learn_from_some_false_pairs_stay_calibrated() -> None:
    """Those that stand for others weigh as many: the mean probability is that of all pairs."""
    random = np.random.default_rng(0)
    values = random.normal(size=(20_000, 3)).astype(np.float32)
    truth = random.random(20_000) < 1 / (1 + np.exp(4 - 2 * values[:, 0]))
    thinned = fit_trees(values, truth, TreeSettings(most_false=3_000)).scores(values)
    assert abs(thinned.mean() - truth.mean()) < 0.015  # without the weights it would be 0.3
    assert np.corrcoef(thinned, fit_trees(values, truth).scores(values))[0, 1] > 0.95


def test_the_manifest_of_a_dataset_without_options_is_no_obstacle(tmp_path: Path) -> None:
    """Datasets of older versions have none."""
    path = write_tiny_dataset(tmp_path / "data")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest.pop("options", None)
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert language_of(load_dataset(path)) == "en"
