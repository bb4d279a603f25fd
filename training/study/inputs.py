"""A dataset directory as a study reads it: rows of numbers and label columns, in three parts."""

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor

from model.dataset import IMAGE_SHAPE, Dataset, Document, load_dataset
from model.errors import InvalidOption
from model.label_sets import LabelSets
from model.labels import LabelSpace
from model.network.encoder_source import open_encoder
from model.network.windows import WindowedNote, window_notes
from model.text.note_form import plain_texts
from training.study.lsa_features import LSA, lsa_features
from training.study.text_features import text_features

HELD_BACK = 0.15
"""Share of the training documents that becomes the validation part where the dataset has no test split."""


@dataclass(frozen=True)
class Part:
    """Documents of a part.

    Shape: features (n, F) float32, F is 0 where the tokens are read; rows: n arrays of label columns; subjects (n,) of
    str; notes: n, or none where the features are read.
    """

    features: np.ndarray
    rows: tuple[np.ndarray, ...]
    subjects: np.ndarray
    notes: tuple[WindowedNote, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def labels_of(self, indices: Tensor, num_labels: int) -> LabelSets:
        """Label sets of some documents."""
        return LabelSets.from_distinct([self.rows[index] for index in indices.tolist()], num_labels)


@dataclass(frozen=True)
class StudyData:
    """What a cell is trained on, tuned on, and judged by."""

    name: str
    labels: LabelSpace
    train: Part
    tuning: Part
    judged: Part
    judged_split: str
    image_shape: tuple[int, int] | None

    @cached_property
    def train_counts(self) -> np.ndarray:
        """Training documents with each label, int64 (L,)."""
        columns = np.concatenate([*self.train.rows, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        return np.bincount(columns, minlength=len(self.labels))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of labels, features or tokens, and label columns of every part; of titles where there are tokens."""
        digest = hashlib.sha256(self.labels.fingerprint.encode())
        if self.train.notes:  # label attention starts from the titles
            digest.update("\n".join(label.title for label in self.labels.labels).encode())
        for part in (self.train, self.tuning, self.judged):
            digest.update(np.ascontiguousarray(part.features).tobytes())
            for columns in part.rows:
                digest.update(f"{columns.tolist()}\n".encode())
            for note in part.notes:
                digest.update(note.ids.tobytes() + note.lengths.tobytes())
        return digest.hexdigest()


def load_study_data(path: Path, encoder: str, max_tokens: int, cache: Path) -> StudyData:
    """Read a dataset of texts or features as rows of numbers.

    With a test split, dev is tuned on and test judged. Without, dev is judged, and HELD_BACK of the training
    documents, drawn by subject, is tuned on. Features are standardised by the training
    part, pixels of images are left as they are.

    Raises:
        MissingInput, MalformedInput, EmptyDataset: see :func:`model.dataset.load_dataset`.
    """
    dataset = load_dataset(path, features=True)
    documents, names, has_test = _in_parts(dataset)
    shape = dataset.manifest.get(IMAGE_SHAPE)
    of_train = np.array([name == "train" for name in names])
    features = dataset.features()
    if features is None:
        texts = [document.text for document in documents]
        read = lsa_features(texts, of_train) if encoder == LSA else text_features(texts, encoder, max_tokens, cache)
        features = _standardised(read, of_train)
    elif not shape:
        features = _standardised(features, of_train)
    train, tuning, judged = (_part(dataset, documents, features, names, name) for name in ("train", "dev", "test"))
    split = "test" if has_test else "dev"
    image = (int(shape[0]), int(shape[1])) if shape else None
    return StudyData(path.resolve().name, dataset.labels, train, tuning, judged, split, image)


def load_study_notes(path: Path, encoder: str, window: int, max_tokens: int) -> StudyData:
    """Read a dataset of texts as tokens, in the parts of :func:`load_study_data`.

    Raises:
        MissingInput, MalformedInput, EmptyDataset: see :func:`model.dataset.load_dataset`.
        InvalidOption: the dataset holds features, or the encoder cannot be opened.
    """
    dataset = load_dataset(path, features=True)
    if dataset.features() is not None:
        raise InvalidOption(f"'{path}' holds features and --free-layers reads texts: leave it out")
    documents, names, has_test = _in_parts(dataset)
    notes = window_notes(
        open_encoder(encoder).tokenizer, plain_texts(one.text for one in documents), window, max_tokens
    )
    nothing = np.zeros((len(documents), 0), dtype=np.float32)
    train, tuning, judged = (
        _part(dataset, documents, nothing, names, name, notes) for name in ("train", "dev", "test")
    )
    split = "test" if has_test else "dev"
    return StudyData(path.resolve().name, dataset.labels, train, tuning, judged, split, None)


def _in_parts(dataset: Dataset) -> tuple[list[Document], list[str], bool]:
    """All documents, the part of each, and whether the dataset has a test split."""
    documents = list(dataset.documents())
    has_test = bool(dataset.split_sizes.get("test"))
    for split in ("train", "dev"):
        dataset.require(split)
    return documents, [one.split for one in documents] if has_test else _without_test(documents), has_test


def _without_test(documents: Sequence[Document]) -> list[str]:
    """Parts by document: dev is judged ("test"), a share of train, drawn by subject, is tuned on ("dev").

    Not stratified: where most labels are rarer than one in 1 / HELD_BACK, stratification leaves them all in train.
    """
    sizes = Counter(document.subject_id for document in documents if document.split == "train")
    subjects = sorted(sizes)
    random.Random(0).shuffle(subjects)
    before = np.cumsum([0, *(sizes[subject] for subject in subjects)])[:-1]  # documents of the subjects ahead
    kept_back = {subject for subject, ahead in zip(subjects, before, strict=True) if ahead < HELD_BACK * sizes.total()}
    return [
        "test" if document.split == "dev" else "dev" if document.subject_id in kept_back else "train"
        for document in documents
    ]


def _standardised(features: np.ndarray, of_train: np.ndarray) -> np.ndarray:
    mean, deviation = features[of_train].mean(axis=0), features[of_train].std(axis=0)
    scaled: np.ndarray = ((features - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32)
    return scaled


def _part(
    dataset: Dataset,
    documents: Sequence[Document],
    features: np.ndarray,
    names: Sequence[str],
    name: str,
    notes: Sequence[WindowedNote] = (),
) -> Part:
    chosen = [index for index, own in enumerate(names) if own == name]
    members = [documents[index] for index in chosen]
    subjects = np.array([one.subject_id for one in members], dtype=str)
    own_notes = tuple(notes[index] for index in chosen) if notes else ()
    return Part(features[chosen], tuple(dataset.rows(members)), subjects, own_notes)
