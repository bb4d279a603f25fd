"""The neighbour search over a database of either engine: leaks, refreshes, threads."""

import threading
from pathlib import Path

import numpy as np
import pytest

from app.database.engine import open_engine, write
from app.errors import DatabaseUnavailable
from app.neighbours.index import NeighbourIndex, open_index
from app.neighbours.search import Excluded, SearchQuery
from model.errors import EmbeddingMismatch
from tests.app.fakes import NOTES, FakeCoder, index_into, random_documents, write_dataset


@pytest.fixture
def url(migrated_url: str) -> str:
    """Every test of this file runs on both engines."""
    return migrated_url


def opened(url: str, coder: FakeCoder) -> NeighbourIndex:
    return open_index(url, coder.embedding_id, coder.embedding_dim)


def names(index: NeighbourIndex, query: np.ndarray, excluded: Excluded | None = None, k: int = 50) -> list[str]:
    return [neighbour.note_id for neighbour in index.find(SearchQuery(query), k, excluded or Excluded())]


def test_a_stored_documents_own_text_finds_it(indexed: str, coder: FakeCoder) -> None:
    """Rank 1, similarity at least 0.999, with its codes in order and the start of its text."""
    index = opened(indexed, coder)
    for note in NOTES[:3]:
        best = index.find(SearchQuery(coder.embed([note.text])[0]), 1, Excluded())[0]
        assert best.note_id == note.document_id
        assert best.similarity >= 0.999
        assert [(code.system, code.code) for code in best.codes] == [tuple(code) for code in note.codes]
        assert best.snippet == note.text[:200]


def test_a_planted_test_document_is_never_a_neighbour(indexed: str, coder: FakeCoder) -> None:
    """After the default index not even its own text finds it, nor does its code appear."""
    found = opened(indexed, coder).find(SearchQuery(coder.embed([NOTES[4].text])[0]), 50, Excluded())
    assert {neighbour.note_id for neighbour in found} == {"n1", "n2", "n3"}
    assert "999.9" not in {code.code for neighbour in found for code in neighbour.codes}


def test_a_database_without_texts_has_no_snippets(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Snippets are None."""
    index_into(url, coder, write_dataset(tmp_path / "data"))
    found = opened(url, coder).find(SearchQuery(coder.embed(["x"])[0]), 3, Excluded())
    assert [neighbour.snippet for neighbour in found] == [None, None, None]


def test_rows_that_come_and_go_are_seen(indexed: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Also when the last row goes and another comes: their number alone would not tell."""
    index = opened(indexed, coder)
    query = coder.embed(["hypertension"])[0]
    assert sorted(names(index, query)) == ["n1", "n2", "n3"]
    with write(open_engine(indexed)) as connection:
        connection.exec_driver_sql("DELETE FROM notes WHERE note_id = 'n3'")
    assert sorted(names(index, query)) == ["n1", "n2"]
    index_into(indexed, coder, tmp_path / "data", splits=("dev",))
    assert sorted(names(index, query)) == ["n1", "n2", "n4"]


def test_an_unchanged_database_is_read_once(indexed: str, coder: FakeCoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot is kept between queries."""
    index = opened(indexed, coder)
    query = coder.embed(["hypertension"])[0]
    first = names(index, query)
    monkeypatch.setattr("app.neighbours.sqlite_candidates.build_segment", None)
    assert names(index, query) == first


def test_neighbours_equal_the_table_while_rows_are_added(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Threads that search during indexing never see half a row, and in the end see all."""
    data = write_dataset(tmp_path / "data", random_documents(64))
    index = opened(url, coder)
    query = coder.embed(["testperson"])[0]
    done = threading.Event()
    sizes: list[list[int]] = [[], []]

    def read(into: list[int]) -> None:
        while not done.is_set():
            into.append(len(names(index, query, k=100)))

    readers = [threading.Thread(target=read, args=(into,)) for into in sizes]
    for reader in readers:
        reader.start()
    index_into(url, FakeCoder(), data)
    done.set()
    for reader in readers:
        reader.join()
    for seen in sizes:
        assert set(seen) <= {0, 16, 32, 48, 64}
        assert seen == sorted(seen)
    assert len(names(index, query, k=100)) == 64


def test_a_database_of_another_embedding_is_refused(indexed: str) -> None:
    """The message says what to do."""
    with pytest.raises(EmbeddingMismatch, match="add its embeddings with `icd-coder index"):
        opened(indexed, FakeCoder(embedding_id="f" * 64))


def test_a_database_that_goes_away_is_one_sentence(indexed: str, coder: FakeCoder) -> None:
    """Not a driver's error."""
    index = opened(indexed, coder)
    with write(open_engine(indexed)) as connection:
        connection.exec_driver_sql("DROP TABLE embeddings")
    with pytest.raises(DatabaseUnavailable, match="failed .(SQLITE_ERROR|UndefinedTable)."):
        index.find(SearchQuery(coder.embed(["x"])[0]), 1, Excluded())
