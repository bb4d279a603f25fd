"""Ohsumed: MEDLINE abstracts in the folders of their MeSH disease categories, one file a category and abstract.

The first 20,000 abstracts of 1991 (Joachims 1998), as `ohsumed-first-20000-docs/{training,test}/C01..C23`. An abstract
that lies in several folders has several labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.atomic_output import require_free, sweep_abandoned
from model.dataset import Document
from model.errors import MalformedInput, MissingInput
from model.icd import Code
from model.progress import with_progress
from model.visible_files import visible_files
from training.prepare.dataset_directory import Record, Written, write_dataset
from training.prepare.source_files import hashed_folder, read_text
from training.prepare.splits import require_shares
from training.prepare.stratified_splits import stratified_splits

SYSTEM = "mesh"
TITLES = {
    "C01": "Bacterial Infections and Mycoses",
    "C02": "Virus Diseases",
    "C03": "Parasitic Diseases",
    "C04": "Neoplasms",
    "C05": "Musculoskeletal Diseases",
    "C06": "Digestive System Diseases",
    "C07": "Stomatognathic Diseases",
    "C08": "Respiratory Tract Diseases",
    "C09": "Otorhinolaryngologic Diseases",
    "C10": "Nervous System Diseases",
    "C11": "Eye Diseases",
    "C12": "Urologic and Male Genital Diseases",
    "C13": "Female Genital Diseases and Pregnancy Complications",
    "C14": "Cardiovascular Diseases",
    "C15": "Hemic and Lymphatic Diseases",
    "C16": "Neonatal Diseases and Abnormalities",
    "C17": "Skin and Connective Tissue Diseases",
    "C18": "Nutritional and Metabolic Diseases",
    "C19": "Endocrine Diseases",
    "C20": "Immunologic Diseases",
    "C21": "Disorders of Environmental Origin",
    "C22": "Animal Diseases",
    "C23": "Pathological Conditions, Signs and Symptoms",
}


@dataclass(frozen=True)
class _Abstract:
    text: str
    categories: tuple[str, ...]


def prepare_ohsumed(source: Path, out: Path, seed: int = 0, dev_share: float = 0.1) -> Written:
    """Write the dataset directory of the unpacked archive.

    Args:
        source: the folder that holds ``training`` and ``test``, or its parent.
        dev_share: share of the training abstracts that become dev, stratified by category.

    Raises:
        MissingInput, MalformedInput, OutputExists, UnwritableOutput, InvalidOption.
    """
    require_shares(dev_share, 0.0)
    require_free(out)
    sweep_abandoned(out)
    record = Record({"source": "ohsumed", "seed": seed, "dev_share": dev_share})
    folder = _found(source)
    training, test = (_abstracts(folder / name, record) for name in ("training", "test"))
    both = training.keys() & test.keys()
    if both:
        raise MalformedInput(f"abstract {min(both)} is in training and in test of '{folder}': take the archive again")
    split_of = stratified_splits(((name, one.categories) for name, one in training.items()), seed, dev_share, 0.0)
    documents = [*_documents(training, split_of), *_documents(test, dict.fromkeys(test, "test"))]
    titles = {Code(SYSTEM, category): title for category, title in TITLES.items()}
    return write_dataset(out, with_progress(documents, "write", len(documents), "abstract"), titles, record)


def _found(source: Path) -> Path:
    for folder in (source, source / "ohsumed-first-20000-docs"):
        if (folder / "training").is_dir() and (folder / "test").is_dir():
            return folder
    raise MissingInput(f"'{source}' has no training and test: --source is the folder ohsumed-first-20000-docs")


def _abstracts(folder: Path, record: Record) -> dict[str, _Abstract]:
    """Abstracts by id, with the categories in whose folders they lie."""
    files, hidden = visible_files(path for path in folder.glob("C[0-9][0-9]/*") if path.is_file())
    record.source.append(hashed_folder(folder.name, files))
    record.count(f"{folder.name}, files", len(files))
    record.count(f"{folder.name}, files dropped: their name begins with a dot", hidden)
    found: dict[str, _Abstract] = {}
    for path in with_progress(files, f"read {folder.name}", len(files), "file"):
        text, category = read_text(path).strip(), path.parent.name
        known = found.get(path.name, _Abstract(text, ()))
        if known.text != text:
            raise MalformedInput(f"'{path}' differs from the abstract of that number in another folder: unpack again")
        found[path.name] = _Abstract(text, (*known.categories, category))
    kept = {name: one for name, one in found.items() if one.text}
    record.count(f"{folder.name}, abstracts dropped: empty text", len(found) - len(kept))
    return kept


def _documents(abstracts: dict[str, _Abstract], split_of: dict[str, str]) -> Iterator[Document]:
    for name, one in sorted(abstracts.items()):
        codes = tuple(Code(SYSTEM, category) for category in one.categories)
        yield Document(name, name, split_of[name], one.text, codes)
