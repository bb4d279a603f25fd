"""From a bundle and a dataset to a retrieval report; nothing outside the training split is ever a neighbour."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.bundle import load_bundle
from model.coder import Coder
from model.dataset import Document, load_dataset
from model.errors import IcdCoderError, InvalidOption, LabelSpaceMismatch, MissingInput, OutputExists
from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from tests.factories import LABELS, save_tiny_bundle, tiny_documents, write_tiny_dataset
from training.evaluation.baselines import neighbour_votes
from training.prepare.dataset_directory import Record, write_dataset
from training.retrieval import neighbour_sources
from training.retrieval.encoded_notes import embed_means, encode_notes, same_encoder
from training.retrieval.evaluate import RetrievalRequest, evaluate_retrieval
from training.retrieval.knn_coder import VoteSettings, votes
from training.retrieval.neighbour_sources import RANDOM, RAW, TFIDF, Bundles, Corpus, find_all, open_bundles


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, a bundle of random weights over its labels, and another."""
    folder = tmp_path_factory.mktemp("retrieval")
    labels = load_dataset(write_tiny_dataset(folder / "data")).labels
    save_tiny_bundle(folder / "bundle", labels=labels)
    save_tiny_bundle(folder / "twin", seed=1, labels=labels)
    return folder


def request(folder: Path, out: Path, **changes: object) -> RetrievalRequest:
    defaults = RetrievalRequest(folder / "bundle", folder / "data", "test", out, encoder="tiny")
    return replace(defaults, **changes)


def shaped(coder: Coder, seed: int) -> Coder:
    """The same encoder under another document embedding."""
    other = copy.deepcopy(coder)
    torch.manual_seed(seed)
    torch.nn.init.normal_(other.network.document_embedding.outer.weight)
    return other


def write_documents(path: Path, documents: list[Document]) -> Path:
    """A dataset directory of just these documents."""
    write_dataset(path, documents, {label.key: label.title for label in LABELS.labels}, Record(options={}))
    return path


def test_a_report_holds_every_system_and_coder(folder: Path, tmp_path: Path) -> None:
    """Files, names, intervals around their values, and no difference of the bundle to itself."""
    report = evaluate_retrieval(request(folder, tmp_path / "report", against=(folder / "twin",)))
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "neighbours.png",
        "retrieval.json",
        "retrieval.md",
    ]
    assert json.loads((tmp_path / "report" / "retrieval.json").read_text()) == report
    assert [system["name"] for system in report["systems"]] == ["bundle", "twin", RAW, TFIDF, RANDOM]
    for system in report["systems"]:
        for measure in ("jaccard", "ndcg"):
            interval = system[measure]["interval"]
            assert 0 <= interval["low"] <= interval["value"] <= interval["high"] <= 1
            assert (system[measure]["bundle_minus_this"] is None) == (system["name"] == "bundle")
    assert len(report["coders"]) == 1 + 2 * 4
    assert report["tuned_on"] == "the dev split"
    text = (tmp_path / "report" / "retrieval.md").read_text()
    assert "bundle against TF-IDF" in text
    assert "Testy" not in text


def test_the_dev_split_is_tuned_on_in_halves_of_itself(folder: Path, tmp_path: Path) -> None:
    """The report says so, and each coder has the settings of both halves."""
    report = evaluate_retrieval(request(folder, tmp_path / "report", split="dev"))
    assert "2-fold" in report["tuned_on"]
    assert all(len(coder["settings"]) == 2 for coder in report["coders"])


def test_two_runs_write_the_same_numbers(folder: Path, tmp_path: Path) -> None:
    """Seeded throughout, the random floor and the random encoder too."""
    reports = [evaluate_retrieval(request(folder, tmp_path / name)) for name in ("a", "b")]
    assert reports[0] == reports[1]


def test_figures_of_the_bundle_follow_from_its_embeddings(folder: Path, tmp_path: Path) -> None:
    """Label Jaccard of the ten nearest by a loop over the service's embeddings."""
    report = evaluate_retrieval(request(folder, tmp_path / "report"))
    coder, dataset = load_bundle(folder / "bundle"), load_dataset(folder / "data")
    train, test = list(dataset.documents("train")), list(dataset.documents("test"))
    train_vectors, vectors = (coder.embed([document.text for document in part]) for part in (train, test))
    values = []
    for document, vector in zip(test, vectors, strict=True):
        allowed = [index for index, other in enumerate(train) if other.subject_id != document.subject_id]
        chosen = sorted(allowed, key=lambda index, vector=vector: -float(train_vectors[index] @ vector))[:10]
        ours = set(document.codes)
        theirs = [set(train[index].codes) for index in chosen]
        values.append(np.mean([len(ours & other) / len(ours | other) for other in theirs]))
    assert report["systems"][0]["jaccard"]["interval"]["value"] == pytest.approx(np.mean(values), abs=1e-6)


def test_encoding_is_the_coders_own(folder: Path) -> None:
    """Embeddings and probabilities; and a mean alone gives the embedding of another bundle of the same encoder."""
    coder = load_bundle(folder / "bundle")
    documents = load_dataset(folder / "data").documents("dev")
    texts = [document.text for document in documents]
    encoded = encode_notes(coder, documents, "embed", with_probabilities=True)
    assert encoded.probabilities is not None
    assert encoded.embeddings == pytest.approx(coder.embed(texts), abs=1e-6)
    assert encoded.probabilities[0] == pytest.approx(coder.score(texts[0]).probabilities, abs=1e-6)
    other = shaped(coder, 5)
    assert same_encoder(coder, other)
    assert embed_means(other, encoded.means) == pytest.approx(other.embed(texts), abs=1e-5)
    assert np.abs(encoded.embeddings - other.embed(texts)).max() > 0.01
    assert not same_encoder(coder, load_bundle(folder / "twin"))
    assert not same_encoder(coder, replace(coder, max_tokens=32))


def test_an_embedding_of_codes_is_no_function_of_the_mean(folder: Path, tmp_path: Path) -> None:
    """Such a bundle is compared by encoding the notes again, over the same encoder too; its own notes as it embeds."""
    from model.bundle import BundleContents, save_bundle

    plain = load_bundle(folder / "bundle")
    torch.manual_seed(3)
    network = CodingNetwork(copy.deepcopy(open_encoder("tiny").backbone), len(plain.labels), pooling="codes")
    network.encoder.load_state_dict(plain.network.encoder.state_dict())
    assert network.document_embedding.codes is not None
    torch.nn.init.normal_(network.document_embedding.codes.outer.weight)
    parts = (plain.labels, plain.threshold, "plm-ca", "tiny", plain.window, plain.max_tokens, {}, "")
    save_bundle(tmp_path / "codes", BundleContents(network, plain.tokenizer, *parts))
    coder, documents = load_bundle(tmp_path / "codes"), load_dataset(folder / "data").documents("test")
    encoded = encode_notes(coder, documents, "embed", with_probabilities=True)
    assert encoded.embeddings == pytest.approx(coder.embed([document.text for document in documents]), abs=1e-6)
    with pytest.raises(ValueError, match="reads the codes"):
        embed_means(coder, encoded.means)
    report = evaluate_retrieval(request(folder, tmp_path / "report", against=(tmp_path / "codes",)))
    own = evaluate_retrieval(request(folder, tmp_path / "own", bundle=tmp_path / "codes"))
    ours, theirs = report["systems"][1], own["systems"][0]
    assert (ours["name"], theirs["name"]) == ("codes", "codes")
    assert ours["jaccard"]["interval"] == theirs["jaccard"]["interval"]


def test_the_raw_encoder_embeds_as_the_mean_of_token_states(folder: Path) -> None:
    """Without what training adds."""
    bundles = open_bundles(folder / "bundle", [], "tiny", "cpu")
    documents = load_dataset(folder / "data").documents("dev")
    encoded = encode_notes(bundles.encoder, documents, "embed")
    assert encoded.embeddings == pytest.approx(encoded.means, abs=1e-6)
    state = bundles.encoder.score(documents[0].text).states.numpy().mean(axis=0)
    assert encoded.means[0] == pytest.approx(state / np.linalg.norm(state), abs=1e-6)


def test_states_that_training_left_give_the_same_neighbours(tmp_path: Path) -> None:
    """A frozen encoder is not run again for the splits in the cache; float16 moves a vector by less than 0.001."""
    from tests.training.retrieval.frozen_bundle import train_frozen

    data = write_tiny_dataset(tmp_path / "data")
    train_frozen(data, tmp_path / "bundle")
    coder, documents = load_bundle(tmp_path / "bundle"), load_dataset(data).documents("train")
    fresh = encode_notes(coder, documents, "embed")
    ran: list[int] = []
    coder.network.encoder.embeddings.register_forward_hook(lambda *_: ran.append(1))
    cached = encode_notes(coder, documents, "embed", cache=tmp_path / "data.cache")
    assert not ran
    assert cached.embeddings == pytest.approx(fresh.embeddings, abs=1e-3)
    encode_notes(coder, load_dataset(data).documents("test"), "embed", cache=tmp_path / "data.cache")
    assert ran


def test_plain_bce_over_a_frozen_encoder_leaves_the_raw_embedding(tmp_path: Path) -> None:
    """Nothing in the document embedding gets a gradient; and the raw encoder is known to be the bundle's own."""
    from tests.training.retrieval.frozen_bundle import train_frozen

    data = write_tiny_dataset(tmp_path / "data")
    train_frozen(data, tmp_path / "bundle", loss="bce")
    bundles = open_bundles(tmp_path / "bundle", [], None, "cpu")
    assert same_encoder(bundles.encoder, bundles.coder)
    encoded = encode_notes(bundles.coder, load_dataset(data).documents("dev"), "embed")
    assert encoded.embeddings == pytest.approx(encoded.means, abs=1e-6)


def test_nothing_but_other_patients_training_documents_is_found(folder: Path, tmp_path: Path) -> None:
    """A planted test document with a code of its own is never a neighbour nor voted for, even by its own copies;
    a training document of the same patient with the same text neither."""
    text = "Invented note of the planted patient with a unicorn bite. Testy McTestface is stable."
    own = LABELS[4].key
    documents = [replace(document, codes=document.codes[:1]) for document in tiny_documents(40, codes=4)]
    documents += [
        Document("planted-1", "planted", "test", text, (own,)),
        Document("planted-2", "other", "test", text, (own,)),
        Document("planted-dev", "third", "dev", text, (own,)),
        Document("same-patient", "planted", "train", text, (LABELS[0].key,)),
    ]
    data = write_documents(tmp_path / "data", documents)
    dataset = load_dataset(data)
    coder = load_bundle(folder / "bundle")
    train, test = dataset.documents("train"), dataset.documents("test")
    raw = shaped(coder, 1)
    found = find_all(Bundles("bundle", coder, {}, raw, "tiny"), Corpus(train, {"test": test}), seed=0)
    row = test.ids.index("planted-1")
    place = train.ids.index("same-patient")
    column = dataset.labels.column(own)
    assert column is not None
    for name, by_split in found.neighbours.items():
        neighbours = by_split["test"]
        indices, _ = neighbours.of(row, 100)
        assert place not in indices, name
        assert len(indices) == len(train) - 1
        if name != RANDOM:
            assert neighbours.of(test.ids.index("planted-2"), 1)[0] == [place], name
        vote = votes(neighbours, dataset.rows(train), len(dataset.labels), VoteSettings(100, 1.0))
        assert (vote[:, column] == 0).all(), name
    plain = neighbour_votes(list(train), dataset.rows(train), list(test), len(dataset.labels))
    assert (plain[:, column] == 0).all()


def test_few_training_documents_and_documents_without_codes(folder: Path, tmp_path: Path) -> None:
    """Three documents to search, and queries of which one has no code: figures over what is there."""
    text = "Testy McTestface has heart failure."
    codes = tuple(label.key for label in LABELS.labels)
    documents = [Document(f"t{index}", f"p{index}", "train", text, codes) for index in range(3)]
    documents += [Document(f"d{index}", f"q{index}", "dev", text, codes[:2]) for index in range(4)]
    documents += [Document("e0", "r0", "test", text, codes[:3]), Document("e1", "r1", "test", text, ())]
    write_documents(tmp_path / "data", documents)
    report = evaluate_retrieval(request(folder, tmp_path / "out", data=tmp_path / "data"))
    assert (report["documents"], report["documents_with_codes"], report["training_documents"]) == (2, 1, 3)
    bundle = report["systems"][0]
    assert bundle["jaccard"]["documents"] == bundle["ndcg"]["documents"] == 1
    assert bundle["jaccard"]["interval"]["value"] == pytest.approx(3 / 6)
    assert bundle["rare_recall"]["interval"]["value"] == 1.0


def test_a_split_without_codes_has_no_figures_and_says_so(folder: Path, tmp_path: Path) -> None:
    """n/a, not zero and not a traceback; also where dev cannot be tuned on."""
    text = "Testy McTestface has heart failure."
    codes = tuple(label.key for label in LABELS.labels)
    documents = [Document(f"t{index}", f"p{index}", "train", text, codes) for index in range(12)]
    documents += [Document(f"e{index}", f"r{index}", "test", text, ()) for index in range(3)]
    write_documents(tmp_path / "data", documents)
    report = evaluate_retrieval(request(folder, tmp_path / "out", data=tmp_path / "data"))
    assert report["coders"] is None
    assert report["rare_codes"] == 0
    assert all(system["jaccard"]["interval"] is None for system in report["systems"])
    text = (tmp_path / "out" / "retrieval.md").read_text()
    assert "n/a" in text
    assert "Nothing could be tuned" in text


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"split": "train"}, InvalidOption, "--split must be dev or test, got 'train'"),
        ({"encoder": None}, InvalidOption, "--encoder"),
        ({"encoder": "/nowhere/weights"}, MissingInput, "'/nowhere/weights'.*--encoder"),
        ({"bundle": Path("/nowhere")}, MissingInput, "icd-coder train"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    folder: Path, tmp_path: Path, changes: dict[str, object], error: type[IcdCoderError], said: str
) -> None:
    """One sentence each."""
    with pytest.raises(error, match=said):
        evaluate_retrieval(request(folder, tmp_path / "out", **changes))
    assert not list(tmp_path.iterdir())


def test_bundles_that_cannot_be_compared_are_refused(folder: Path, tmp_path: Path) -> None:
    """Other labels; the same name twice; a report that is there already."""
    save_tiny_bundle(tmp_path / "others", labels=replace(LABELS, labels=LABELS.labels[::-1]))
    with pytest.raises(LabelSpaceMismatch, match="others"):
        evaluate_retrieval(request(folder, tmp_path / "out", against=(tmp_path / "others",)))
    with pytest.raises(InvalidOption, match="--against"):
        evaluate_retrieval(request(folder, tmp_path / "out", against=(folder / "bundle",)))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    with pytest.raises(OutputExists, match="--out"):
        evaluate_retrieval(request(folder, tmp_path / "full"))


def test_a_window_longer_than_the_raw_encoder_reads_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is embedded."""
    wide = replace(load_bundle(folder / "bundle"), window=600)
    monkeypatch.setattr(neighbour_sources, "load_bundle", lambda *_: wide)
    with pytest.raises(InvalidOption, match="512 positions"):
        evaluate_retrieval(request(folder, tmp_path / "out"))


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset and a bundle with a ranker trained on it."""
    from tests.training.retrieval.frozen_bundle import train_frozen

    folder = tmp_path_factory.mktemp("ranked")
    write_tiny_dataset(folder / "data")
    train_frozen(folder / "data", folder / "bundle", ranker=True)
    return folder


def test_notes_are_searched_by_text_and_predicted_codes_as_the_service_does(ranked: Path) -> None:
    """By loops over the coder's own vectors and the assigned codes of the training notes."""
    bundles = open_bundles(ranked / "bundle", [], "tiny", "cpu")
    vectors = bundles.coder.code_vectors
    assert vectors is not None
    dataset = load_dataset(ranked / "data")
    train, test = dataset.documents("train"), dataset.documents("test")
    found = find_all(bundles, Corpus(train, {"test": test}), 0).neighbours
    shares = {
        bundles.name: vectors.code_share,
        f"{bundles.name}, codes alone": 1.0,
        f"{bundles.name}, text alone": 0.0,
    }
    assert list(found)[:3] == list(shares)
    embeddings = bundles.coder.embed([document.text for document in train])
    columns = len(bundles.coder.codes)
    stored = np.zeros((len(train), columns))
    for place, document in enumerate(train):
        assigned = vectors.assigned(bundles.coder.codes.columns(document.codes))
        stored[place, assigned.columns] = assigned.values
    for name, share in shares.items():
        for place, (document, asked) in enumerate(
            zip(test, bundles.coder.vectors([document.text for document in test]), strict=True)
        ):
            assert asked.codes is not None
            query = np.zeros(columns)
            query[asked.codes.columns] = asked.codes.values
            expected = share * stored @ query + (1 - share) * embeddings @ asked.embedding
            expected[[other.subject_id == document.subject_id for other in train]] = -np.inf
            similarities = found[name]["test"].similarities[place]
            chosen = similarities > 0
            assert similarities[chosen] == pytest.approx(np.sort(expected)[::-1][: len(similarities)][chosen], abs=1e-4)


def test_a_query_never_uses_its_own_assigned_codes(ranked: Path, tmp_path: Path) -> None:
    """Gold codes that contradict the text change no neighbour."""
    bundles = open_bundles(ranked / "bundle", [], "tiny", "cpu")
    dataset = load_dataset(ranked / "data")
    train, test = dataset.documents("train"), dataset.documents("test")
    assigned = [replace(each, codes=(LABELS[place % 6].key,)) for place, each in enumerate(test)]
    assert any(set(one.codes) != set(other.codes) for one, other in zip(test, assigned, strict=True))
    planted = load_dataset(write_documents(tmp_path / "planted", [*train, *assigned])).documents("test")
    before, after = (find_all(bundles, Corpus(train, {"test": asked}), 0).neighbours for asked in (test, planted))
    for name in (bundles.name, f"{bundles.name}, codes alone"):
        assert np.array_equal(before[name]["test"].indices, after[name]["test"].indices)
