"""Reads published id lists (CAML's csv, Edin's feather), and checks splits."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from model.errors import InvalidOption, MalformedInput, MissingInput
from model.visible_files import visible_files
from training.prepare.source_files import read_text, shown_id

SPELLINGS = {
    "train": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
}
LABEL_SETS = {"full", "50", "clean", "icd9", "icd10"}
FEATHER_MAGIC = (b"ARROW1", b"FEA1")


@dataclass(frozen=True)
class PublishedSplits:
    """Split by admission id, and the files that say so."""

    split_of: dict[int, str]
    files: tuple[Path, ...]
    form: str

    @property
    def sizes(self) -> dict[str, int]:
        return dict(sorted(Counter(self.split_of.values()).items()))


def read_published(directory: Path, label_set: str) -> PublishedSplits:
    """Read the lists of a label set ("full", "50", "clean", "icd9", "icd10") from a folder.

    The format is recognised by the content.

    CAML: files of one admission id a line, ``train|dev|test`` and the label set in their names
    (jamesmullenbach/caml-mimic). Edin: a feather file with ``_id`` and ``split``
    (JoakimEdin/medical-coding-reproducibility). Lists without a label set in their names serve any.

    Raises:
        MissingInput: the folder or the lists of the label set are not there.
        MalformedInput: a list is neither form, or an id is in two splits.
    """
    if not directory.is_dir():
        raise MissingInput(f"'{directory}' is not a folder: --splits is a folder with published id lists")
    files, _ = visible_files(path for path in directory.iterdir() if path.is_file())
    feathers = _of_label_set([path for path in files if _is_feather(path)], label_set)
    if len(feathers) == 1:
        return PublishedSplits(_read_feather(feathers[0]), (feathers[0],), "edin")
    lists = _of_label_set([path for path in files if path.suffix == ".csv" and _split_in(path)], label_set)
    if not feathers and sorted(filter(None, map(_split_in, lists))) == ["dev", "test", "train"]:
        return PublishedSplits(_read_id_lists(lists), tuple(lists), "caml")
    raise MissingInput(
        f"'{directory}' has no single set of lists for {label_set} (found: "
        f"{', '.join(path.name for path in files[:8]) or 'no file'}): expected "
        f"train_{label_set}_hadm_ids.csv, dev and test, "
        f"or a feather file of Edin's with {label_set} in its name"
    )


def require_shares(dev_share: float, test_share: float) -> None:
    """Raise InvalidOption unless both shares are at least 0 and their sum is below 1."""
    for name, share in (("--dev-share", dev_share), ("--test-share", test_share)):
        if not 0 <= share < 1:
            raise InvalidOption(f"{name} {share} is outside 0 to 1: name a share such as 0.1")
    if dev_share + test_share >= 1:
        raise InvalidOption(
            f"--dev-share {dev_share} and --test-share {test_share} leave nothing to train on: lower them"
        )


def require_patients_apart(split_of_document: Iterable[tuple[str, str]], where: str) -> None:
    """Raise MalformedInput when a patient of (subject, split) pairs is in two splits."""
    seen: dict[str, str] = {}
    for subject, split in split_of_document:
        if seen.setdefault(subject, split) != split:
            raise MalformedInput(
                f"patient {shown_id(subject)} is in {seen[subject]} and in {split} by {where}: "
                "no patient may be in two splits, fix the lists or leave the option out for a split by patient"
            )


def canonical_split(value: str) -> str | None:
    """train, dev or test for any usual spelling, else None."""
    return SPELLINGS.get(value.strip().lower())


def _of_label_set(paths: list[Path], label_set: str) -> list[Path]:
    """Those that name the label set; all of them when none names any."""
    if any(_tokens(path) & LABEL_SETS for path in paths):
        return [path for path in paths if label_set in _tokens(path)]
    return paths


def _tokens(path: Path) -> set[str]:
    return set(path.stem.lower().replace("-", "_").split("_"))


def _split_in(path: Path) -> str | None:
    return next((SPELLINGS[token] for token in sorted(_tokens(path)) if token in SPELLINGS), None)


def _is_feather(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6).startswith(FEATHER_MAGIC)


def _read_feather(path: Path) -> dict[int, str]:
    try:
        table = pl.read_ipc(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise MalformedInput(f"'{path}' cannot be read as feather: copy or download it again") from error
    if not {"_id", "split"} <= set(table.columns):
        raise MalformedInput(
            f"'{path}' has the columns {', '.join(table.columns)}, expected _id and split: name Edin's split file"
        )
    split_of: dict[int, str] = {}
    for number, value in table.select(pl.col("_id").cast(pl.Int64), pl.col("split").cast(pl.String)).iter_rows():
        _assign(split_of, number, _known(path, str(value)), path)
    return split_of


def _read_id_lists(paths: Iterable[Path]) -> dict[int, str]:
    split_of: dict[int, str] = {}
    for path in paths:
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            if not line.strip():
                continue
            if not line.strip().isdecimal():
                raise MalformedInput(
                    f"line {number} of '{path}' is not an admission id: expected one id a line, no header"
                )
            _assign(split_of, int(line), _known(path, _split_in(path) or ""), path)
    return split_of


def _known(path: Path, value: str) -> str:
    if (split := canonical_split(value)) is None:
        raise MalformedInput(f"'{path}' names the split '{value}': expected train, dev (or val) and test")
    return split


def _assign(split_of: dict[int, str], admission: int, split: str, path: Path) -> None:
    if split_of.setdefault(admission, split) != split:
        raise MalformedInput(
            f"admission {admission} is in {split_of[admission]} and in {split} ('{path}'): fix the lists"
        )
