"""A coder without a network, and dataset directories of a few invented notes."""

import json
import re
import threading
import zlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from app.database.engine import open_engine
from app.inference.worker import FindNeighbours
from app.notes.indexing import IndexReport, index_dataset
from model.code_vectors import CodeVector, CodeVectors
from model.dataset import DOCUMENTS_SCHEMA, FORMAT, Document, load_dataset
from model.errors import InvalidOption
from model.icd import Code
from model.labels import Label, LabelSpace
from model.prediction import CodedNote, Evidence, NoteVectors, RankedCode, TokenCount
from model.ranking.audit import AuditedNote, CodeAudit, NoteAudit
from model.ranking.neighbour_vote import RankingNeighbour
from model.ranking.selection import CodeChoice
from model.ranking.thresholds import ThresholdPolicy
from model.text.note_text import check_note
from tests.canary import CANARY

LABELS = LabelSpace(
    (
        Label("icd9cm", "250.00", "Diabetes mellitus", 3),
        Label("icd9cm", "401.9", "Essential hypertension", 5),
        Label("icd9cm", "428.0", "Congestive heart failure", 2),
        Label("icd9pcs", "00.66", "PTCA", 1),
    )
)
KEYWORDS = ("diabetes", "hypertension", "failure", "angioplasty")
NOTES = [
    Document(
        "n1",
        "p1",
        "train",
        f"Old Mr Testperson with hypertension and diabetes. {CANARY}",
        (LABELS[1].key, LABELS[0].key),
    ),
    Document(
        "n2", "p1", "train", f"Second stay: hypertension, worse diabetes, new failure. {CANARY}", (LABELS[2].key,)
    ),
    Document(
        "n3", "p2", "train", f"Angioplasty of the left artery went well. {CANARY}", (LABELS[3].key, LABELS[1].key)
    ),
    Document("n4", "p3", "dev", f"Heart failure with oedema, diuresis. {CANARY}", (LABELS[2].key,)),
    Document("n5", "p4", "test", f"Planted test note about a unicorn bite. {CANARY}", (Code("icd9cm", "999.9"),)),
]


class FakeCoder:
    """Words are random directions, keywords are codes; ``gate`` holds predictions back."""

    def __init__(self, embedding_id: str = "e" * 64, dimension: int = 32) -> None:
        self.bundle_id = "b" * 64
        self.embedding_id = embedding_id
        self.labels = self.codes = LABELS
        self.card: dict[str, Any] = {"loss": "sd"}
        self.embedding_dim = dimension
        self.precision = "fp32"
        self.code_vectors: CodeVectors | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.texts: list[str] = []
        self.embedded = 0
        self.error: BaseException | None = None
        self.uses_neighbours = False
        self.received_neighbours: list[RankingNeighbour] = []
        """The neighbours of the last note, for a coder whose ranker uses them."""

    def predict(
        self,
        texts: Sequence[str],
        top_k: int = 20,
        explain: str = "attention",
        neighbours: Sequence[FindNeighbours | None] | None = None,
        policy: str | None = None,
        choice: CodeChoice | None = None,
    ) -> list[CodedNote]:
        if policy not in (None, "global"):
            raise InvalidOption(f"the bundle has no threshold policy '{policy}'")
        self.entered.release()
        assert self.gate.wait(30)
        if self.error is not None:
            raise self.error
        for text in texts:
            check_note(text)
            self.texts.append(text)
        for text, find in zip(texts, neighbours or [None] * len(texts), strict=True):
            if find is not None:
                self.received_neighbours = list(find(self._vector(text)))
        return [chosen(self._code(text, len(LABELS), explain), choice or CodeChoice(), top_k) for text in texts]

    def threshold_policies(self, with_neighbours: bool) -> tuple[ThresholdPolicy, ...]:
        return (
            ThresholdPolicy("global", 0.5, None, 0.75, 0.25),
            ThresholdPolicy("per-code", 0.5, np.array([0.1, 0.2, 0.3, 0.4])),
        )

    def audit(
        self,
        text: str,
        assigned: Collection[Code],
        explain: str = "attention",
        neighbours: FindNeighbours | None = None,
    ) -> AuditedNote:
        """An assigned code is supported where its keyword stands in the note; a keyword's code is missing else."""
        if neighbours is not None:
            self.received_neighbours = list(neighbours(self._vector(text)))
        coded = {Code(code.system, code.code): code for code in self._code(text, 99, explain).codes}
        told = {
            key: CodeAudit(key, code.title, code.probability, code.rank, (), code.evidence, "invented")
            for key, code in coded.items()
        }
        found = NoteAudit(
            tuple(told[key] for key in assigned if key in told and coded[key].selected),
            tuple(told[key] for key in assigned if key in told and not coded[key].selected),
            tuple(told[key] for key in told if coded[key].selected and key not in assigned),
            tuple(key for key in assigned if key not in told),
            0.1,
            None,
        )
        return AuditedNote(found, TokenCount(1, 1), ("invented",), self.precision)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded += len(texts)
        return np.stack([self._vector(text) for text in texts])

    def vectors(self, texts: Sequence[str]) -> list[NoteVectors]:
        return [NoteVectors(row, self._predicted(text)) for text, row in zip(texts, self.embed(texts), strict=True)]

    def _predicted(self, text: str) -> CodeVector | None:
        if self.code_vectors is None:
            return None
        probabilities = [0.9 if re.search(word, text, re.IGNORECASE) else 0.001 for word in KEYWORDS]
        return self.code_vectors.predicted(np.arange(len(LABELS)), np.array(probabilities))

    def _vector(self, text: str) -> np.ndarray:
        # The canary, which all notes have, says nothing of one.
        words = re.findall(r"\w+", text.replace(CANARY, "").lower()) or ["nothing"]
        rows = [np.random.default_rng(zlib.crc32(word.encode())).normal(size=self.embedding_dim) for word in words]
        total = np.sum(rows, axis=0)
        return (total / np.linalg.norm(total)).astype(np.float32)

    def _code(self, text: str, top_k: int, explain: str) -> CodedNote:
        found = [(match := re.search(word, text, re.IGNORECASE)) and match.span() for word in KEYWORDS]
        order = sorted(range(len(LABELS)), key=lambda column: (found[column] is None, column))
        codes = tuple(
            self._ranked(text, rank, column, found[column], explain)
            for rank, column in enumerate(order[:top_k], start=1)
        )
        count = len(text.split())
        return CodedNote(codes, self._vector(text), TokenCount(count, count), (), self.precision, self._predicted(text))

    def _ranked(self, text: str, rank: int, column: int, span: tuple[int, int] | None, explain: str) -> RankedCode:
        label = LABELS[column]
        evidence, asked = (), explain != "none"
        if span and asked:
            evidence = (Evidence(*span, text[slice(*span)], 0.5, (explain,), section="Course", historical=True),)
        return RankedCode(
            rank=rank,
            system=label.system,
            code=label.code,
            title=label.title,
            probability=0.9 if span else 0.01,
            threshold=0.5,
            selected=bool(span),
            train_count=label.count_train,
            evidence=evidence,
            no_span="no span: from classifier" if asked and not evidence else None,
        )


def chosen(note: CodedNote, choice: CodeChoice, top_k: int) -> CodedNote:
    """The note with the codes that may be listed, numbered anew."""
    codes = [
        code
        for code in note.codes
        if code.probability >= choice.minimum_probability
        and (choice.allowed is None or choice.allowed[LABELS.column(Code(code.system, code.code))])
    ]
    return replace(note, codes=tuple(replace(code, rank=rank) for rank, code in enumerate(codes[:top_k], start=1)))


def write_dataset(path: Path, documents: Sequence[Document] = tuple(NOTES)) -> Path:
    """A dataset directory as ``icd-coder prepare`` leaves it."""
    path.mkdir(parents=True)
    rows = [{**vars(document), "codes": [code._asdict() for code in document.codes]} for document in documents]
    pq.write_table(pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA), path / "documents.parquet")
    pq.write_table(LABELS.to_table(), path / "labels.parquet")
    (path / "manifest.json").write_text(json.dumps({"format": FORMAT}))
    return path


def random_documents(count: int) -> list[Document]:
    """Invented training notes, each of its own patient."""
    return [Document(f"r{i}", f"q{i}", "train", f"note {i} of testperson {i * 7} {CANARY}", ()) for i in range(count)]


def index_into(
    url: str,
    coder: FakeCoder,
    data: Path,
    splits: tuple[str, ...] = ("train",),
    store_text: bool = False,
    rebuild: bool = False,
    delete_reviews: bool = False,
) -> IndexReport:
    """Index a dataset directory."""
    engine = open_engine(url)
    try:
        return index_dataset(engine, coder, load_dataset(data), splits, store_text, rebuild, delete_reviews)
    finally:
        engine.dispose()
