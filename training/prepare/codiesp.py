"""CodiEsp (CLEF eHealth 2020): clinical cases with ICD-10 codes, one text file a case, one table a task.

Miranda-Escalada et al. 2020, zenodo.org/records/3837305. The published splits are kept; test is read where
its gold is there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model.atomic_output import require_free, sweep_abandoned
from model.dataset import Document
from model.errors import EmptyDataset, MalformedInput, MissingInput
from model.icd import ICD10CM, ICD10PCS, Code, NoCode, normalise_cell
from model.labels import SPLITS
from model.progress import with_progress
from model.visible_files import visible_files
from training.prepare.codiesp_evidence import (
    Spans,
    learn_dictionary,
    parallel_texts,
    project_evidence,
    read_evidence,
)
from training.prepare.dataset_directory import Record, Written, write_dataset
from training.prepare.icd_titles import titles_for
from training.prepare.projected_spans import ParallelText
from training.prepare.source_files import hashed, hashed_folder, read_text
from training.prepare.word_translation import WordTable

TEXT_FOLDERS = {"en": "text_files_en", "es": "text_files"}
DIAGNOSES, PROCEDURES = ("D", ICD10CM), ("P", ICD10PCS)  # the letter in the name of the table
TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "diagnoses": (DIAGNOSES,),
    "procedures": (PROCEDURES,),
    "both": (DIAGNOSES, PROCEDURES),
}


@dataclass(frozen=True)
class _Split:
    """The files of one split."""

    name: str
    texts: Path
    tables: tuple[tuple[str, Path], ...]  # (system, file)


def prepare_codiesp(source: Path, out: Path, language: str = "en", codes: str = "diagnoses") -> Written:
    """Write the dataset directory of the unpacked CodiEsp archive.

    Args:
        source: the folder that holds ``train`` and ``dev`` (and ``test``, used when its gold table is there).
        language: "en" (machine-translated) or "es".
        codes: "diagnoses" (icd10cm), "procedures" (icd10pcs) or "both".

    A case is kept when it has a text and a code. ``subject_id`` is the article, since an article may describe
    one patient in several cases; the published splits share some articles, which the manifest counts. Where the
    X tables are, documents have their annotated spans as evidence: unchanged in Spanish, projected by alignment in
    English. A Spanish dataset has a dictionary that links Spanish words to the English names of codes, learned from
    all texts that exist in both languages.

    Raises:
        MissingInput, MalformedInput, EmptyDataset, OutputExists, UnwritableOutput.
    """
    require_free(out)
    sweep_abandoned(out)
    record = Record({"source": "codiesp", "language": language, "codes": codes})
    splits = _splits(source, TEXT_FOLDERS[language], codes)
    documents = [document for split in splits for document in _documents(split, record)]
    if not documents:
        raise EmptyDataset(f"no case in '{source}' has a text and a code: check that the archive is complete")
    texts = parallel_texts(source, TEXT_FOLDERS["es"], TEXT_FOLDERS["en"])
    systems = {system for _, system in TABLES[codes]}
    documents = _with_evidence(documents, source, texts if language == "en" else None, systems, record)
    dictionary = _dictionary(source, texts, record) if language == "es" and texts else None
    _count_shared_articles(documents, record)
    titles = titles_for([system for _, system in TABLES[codes]], {})
    shown = with_progress(documents, "write", len(documents), "case")
    return write_dataset(out, shown, titles, record, dictionary=dictionary)


def _splits(source: Path, folder: str, codes: str) -> list[_Split]:
    if not source.is_dir():
        raise MissingInput(
            f"'{source}' is not a folder: unpack the CodiEsp archive and name the folder that holds train/"
        )
    splits = []
    for name in SPLITS:
        tables = tuple((system, source / name / f"{name}{task}.tsv") for task, system in TABLES[codes])
        if name == "test" and not all(table.is_file() for _, table in tables):
            continue  # the test gold is often kept apart
        texts = source / name / folder
        for path in (texts, *(table for _, table in tables)):
            if not path.exists():
                raise MissingInput(
                    f"'{path}' is missing: --source is the unpacked CodiEsp archive, with train/ and dev/"
                )
        splits.append(_Split(name, texts, tables))
    return splits


def _documents(split: _Split, record: Record) -> Iterator[Document]:
    assigned: dict[str, list[Code]] = {}
    rows = blank = refused = 0
    for system, table in split.tables:
        record.source.append(hashed(table))
        for case, raw in _rows(table):
            rows += 1
            try:
                code = normalise_cell(system, raw)
            except NoCode:
                refused += 1
                continue
            if code is None:
                blank += 1
            else:
                assigned.setdefault(case, []).append(code)
    files, hidden = visible_files(split.texts.glob("*.txt"))
    record.source.append(hashed_folder(f"{split.name}/{split.texts.name}", files))
    texts = {path.stem: read_text(path) for path in files}
    kept = [case for case in texts if texts[case].strip() and case in assigned]
    distinct = {case: tuple(dict.fromkeys(assigned[case])) for case in kept}
    for step, count in (
        ("code rows", rows),
        ("code rows dropped: no code", blank),
        ("code rows dropped: not a code of the system", refused),
        ("assignments of kept cases", sum(map(len, distinct.values()))),
        ("cases with a text file", len(texts)),
        ("text files dropped: their name begins with a dot", hidden),
        ("cases dropped: empty text", sum(not text.strip() for text in texts.values())),
        ("cases dropped: no code", len(texts.keys() - assigned.keys())),
        ("coded cases dropped: no text file", len(assigned.keys() - texts.keys())),
    ):
        record.count(f"{split.name}, {step}", count)
    for case in kept:
        yield Document(case, case.rpartition("-")[0] or case, split.name, texts[case], distinct[case])


def _with_evidence(
    documents: list[Document],
    source: Path,
    translated: Mapping[str, ParallelText] | None,
    systems: set[str],
    record: Record,
) -> list[Document]:
    """The documents with the annotated spans of the X tables, where there are any.

    Args:
        translated: parallel texts that the spans are projected on; None for the Spanish spans themselves.
    """
    tables = [path for name in SPLITS if (path := source / name / f"{name}X.tsv").is_file()]
    if not tables:
        return documents
    spanish = {
        document.document_id: read_text(path)
        for document in documents
        if (path := source / document.split / TEXT_FOLDERS["es"] / f"{document.document_id}.txt").is_file()
    }
    spans: Spans = {}
    for table in tables:
        record.source.append(hashed(table))
        spans |= read_evidence(table, spanish, systems, record)
    if translated is not None:
        spans = project_evidence(translated, spans, record)
    return [replace(document, evidence=tuple(spans.get(document.document_id, ()))) for document in documents]


def _dictionary(source: Path, texts: Mapping[str, ParallelText], record: Record) -> WordTable:
    """The dictionary learned from the translations, whose hashes go into the manifest."""
    english = TEXT_FOLDERS["en"]
    for folder in sorted(path for path in source.iterdir() if (path / english).is_dir()):
        files, _ = visible_files((folder / english).glob("*.txt"))
        record.source.append(hashed_folder(f"{folder.name}/{english}", files))
    return learn_dictionary(texts, record)


def _rows(table: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_text(table).splitlines(), start=1):
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) != 2:
            raise MalformedInput(
                f"line {number} of '{table}' has {len(fields)} fields, expected a case id, a tab and a code: "
                "take the table from the archive again"
            )
        yield fields[0].strip(), fields[1]


def _count_shared_articles(documents: Sequence[Document], record: Record) -> None:
    splits: dict[str, set[str]] = {}
    for document in documents:
        splits.setdefault(document.subject_id, set()).add(document.split)
    record.count("articles", len(splits))
    record.count("articles with cases in several splits", sum(len(names) > 1 for names in splits.values()))
