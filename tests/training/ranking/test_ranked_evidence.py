"""Evidence of a bundle with a fitted ranker: every selected code has a span or says why not."""

import pytest

from model.bundle import load_bundle
from model.coder import Coder
from model.dataset import load_dataset
from model.prediction import CodedNote
from model.ranking.neighbour_vote import RankingNeighbour
from tests.benchmarks.add_ranker import add_ranker
from tests.factories import save_tiny_bundle, tiny_documents, write_tiny_dataset


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Coder:
    folder = tmp_path_factory.mktemp("evidence")
    write_tiny_dataset(folder / "data")
    save_tiny_bundle(folder / "bundle", labels=load_dataset(folder / "data").labels)
    add_ranker(folder / "bundle", folder / "data", folder / "ranked")
    return load_bundle(folder / "ranked")


def answers(coder: Coder, explain: str) -> list[CodedNote]:
    """With a neighbour that carries the last code, and with none."""
    texts = [document.text for document in tiny_documents(3)]
    voters = [RankingNeighbour(0.9, [coder.labels[len(coder.labels) - 1].key])]
    return [*coder.predict(texts, 20, explain), *coder.predict(texts, 20, explain, neighbours=[voters] * len(texts))]


@pytest.mark.parametrize("explain", ["attention", "attingrad"])
def test_every_code_has_a_span_or_says_so(coder: Coder, explain: str) -> None:
    """Phrases of the lexicon are among the spans, which lie in the text as sent."""
    texts = [document.text for document in tiny_documents(3)] * 2
    sources: set[str] = set()
    for text, answer in zip(texts, answers(coder, explain), strict=True):
        for code in answer.codes:
            assert bool(code.evidence) != bool(code.no_span and code.no_span.startswith("no span: from "))
            assert all(text[span.start : span.end] == span.text for span in code.evidence)
            sources |= {source for span in code.evidence for source in span.sources}
    assert sources >= {explain, "lexicon"}
    assert sources <= {explain, "lexicon", "titles"}
