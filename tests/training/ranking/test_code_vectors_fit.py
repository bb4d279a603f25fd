"""The share of codes and text in the search for similar notes, against a plain search note by note."""

import numpy as np
import pytest

from model.code_vectors import CodeVectors
from model.dataset import Document
from model.icd import Code
from model.labels import Label, LabelSpace
from training.ranking.code_vectors_fit import (
    SHARES,
    HeldOutQuery,
    SearchedPart,
    StoredNotes,
    code_weights,
    fit_code_vectors,
    ndcg_by_share,
)

CODES = LabelSpace(tuple(Label("icd9cm", f"{400 + number}", f"Invented {number}", number + 1) for number in range(12)))
DOCUMENTS = 40


def note(name: str, subject: str, columns: list[int]) -> Document:
    return Document(name, subject, "train", f"Invented note {name}.", tuple(CODES[column].key for column in columns))


def corpus(random: np.random.Generator) -> tuple[list[Document], np.ndarray]:
    documents = [
        note(f"d{number}", f"p{number // 2}", random.choice(12, random.integers(0, 5), replace=False).tolist())
        for number in range(DOCUMENTS)
    ]
    embeddings = random.normal(size=(DOCUMENTS, 6))
    return documents, (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)


def query(random: np.random.Generator, subject: str, columns: list[int], predicted: list[int]) -> HeldOutQuery:
    embedding = random.normal(size=6)
    return HeldOutQuery(
        note("q", subject, columns),
        np.array(predicted, dtype=np.int64),
        random.uniform(0.1, 1, len(predicted)),
        (embedding / np.linalg.norm(embedding)).astype(np.float32),
    )


def weights_of(counts: dict[Code, int]) -> dict[Code, float]:
    """Inverse document frequencies."""
    return {code: float(np.log((1 + DOCUMENTS) / (1 + count)) + 1) for code, count in counts.items()}


def plain_ndcg(asked: HeldOutQuery, documents: list[Document], embeddings: np.ndarray, share: float) -> float:
    """The same by loops over dictionaries and sets."""
    idf = weights_of({label.key: label.count_train for label in CODES.labels})
    judging = weights_of({label.key: sum(label.key in each.codes for each in documents) for label in CODES.labels})
    predicted = {
        CODES[int(column)].key: float(probability)
        for column, probability in zip(asked.columns, asked.probabilities, strict=True)
    }

    def by_codes(codes: set[Code]) -> float:
        inner = sum(predicted.get(code, 0.0) * idf[code] for code in codes)
        size = sum(probability**2 * idf[code] for code, probability in predicted.items())
        whole = sum(idf[code] for code in codes)
        return inner / np.sqrt(size * whole) if size and whole else 0.0

    def gain(codes: set[Code]) -> float:
        own = set(asked.document.codes)
        return sum(judging[code] for code in own & codes) / sum(judging[code] for code in own | codes)

    found = []
    for place, stored in enumerate(documents):
        if stored.subject_id != asked.document.subject_id:
            codes = set(stored.codes)
            text = float(embeddings[place] @ asked.embedding)
            found.append((-(share * by_codes(codes) + (1 - share) * text), place, gain(codes)))
    gains = [value for _, _, value in sorted(found)[:10]]
    ideal = sorted((value for _, _, value in found), reverse=True)[:10]
    discounted = [sum(value / np.log2(rank + 2) for rank, value in enumerate(order)) for order in (gains, ideal)]
    return discounted[0] / discounted[1]


@pytest.mark.parametrize("seed", range(5))
def test_every_share_is_judged_as_by_a_plain_search(seed: int) -> None:
    random = np.random.default_rng(seed)
    documents, embeddings = corpus(random)
    vectors = CodeVectors(code_weights(CODES.train_counts, DOCUMENTS), 1.0)
    stored = StoredNotes(documents, embeddings, CODES, vectors)
    asked = query(random, "p3", [1, 4, 7], [1, 4, 9])
    found = ndcg_by_share(asked, stored, CODES.columns(asked.document.codes), vectors)
    expected = [plain_ndcg(asked, documents, embeddings, share) for share in SHARES]
    assert found.tolist() == pytest.approx(expected, rel=1e-4)


def test_right_predictions_lead_to_the_codes_and_planted_wrong_ones_to_the_text() -> None:
    """The query's own codes never find its neighbours: with wrong predictions the codes lose their share."""
    random = np.random.default_rng(0)
    documents, _ = corpus(random)
    marks = np.array([[float(4 in CODES.columns(each.codes)), 1e-3] for each in documents])
    embeddings = (marks / np.linalg.norm(marks, axis=1, keepdims=True)).astype(np.float32)
    towards = np.array([1.0, 0.0], dtype=np.float32)

    def fitted(predicted: int) -> float:
        asked = HeldOutQuery(note("q", "new", [4]), np.array([predicted]), np.array([0.9]), towards)
        return fit_code_vectors([SearchedPart(documents, embeddings, [asked])], CODES, DOCUMENTS).vectors.code_share

    assert fitted(9) == 0.0
    assert fitted(4) >= 0.25


def test_notes_that_share_no_code_judge_nothing() -> None:
    documents, embeddings = [note("d", "p", [3])], np.array([[1.0, 0.0]], dtype=np.float32)
    asked = HeldOutQuery(note("q", "r", [5]), np.array([3]), np.array([0.9]), embeddings[0])
    found = fit_code_vectors([SearchedPart(documents, embeddings, [asked])], CODES, DOCUMENTS)
    assert found.ndcg == {}
    assert len(found.vectors.weights) == len(CODES)
