"""CodiEsp's annotated spans: read from the X tables for the Spanish texts, and projected on the English ones."""

from collections.abc import Mapping
from pathlib import Path

from model.dataset import CodeSpan
from model.errors import MalformedInput
from model.icd import ICD10CM, ICD10PCS, NoCode, normalise_cell
from model.progress import with_progress
from model.visible_files import visible_files
from training.prepare.dataset_directory import Record
from training.prepare.projected_spans import ParallelText
from training.prepare.source_files import read_text
from training.prepare.word_translation import Pair, WordTable, learn_translations, word_strengths

SYSTEMS = {"DIAGNOSTICO": ICD10CM, "PROCEDIMIENTO": ICD10PCS}
Spans = dict[str, list[CodeSpan]]


def read_evidence(table: Path, texts: Mapping[str, str], systems: set[str], record: Record) -> Spans:
    """Spans of each case, in the order of the table; a discontinuous mention is several.

    Args:
        texts: the Spanish text of each case; spans of other cases are skipped.

    Raises:
        MalformedInput: a line of another form, or offsets outside of the text.
    """
    found: Spans = {}
    for number, line in enumerate(read_text(table).splitlines(), start=1):
        fields = line.split("\t")
        if not line.strip():
            continue
        if len(fields) != 5 or fields[1] not in SYSTEMS:
            raise MalformedInput(
                f"line {number} of '{table}' does not have case, kind, code, words and offsets, separated by tabs: "
                "take the table from the archive again"
            )
        try:
            code = normalise_cell(SYSTEMS[fields[1]], fields[2])
        except NoCode:
            continue
        if code is None or code.system not in systems or fields[0] not in texts:
            continue
        for start, end in _offsets(fields[4], len(texts[fields[0]]), number, table):
            found.setdefault(fields[0], []).append(CodeSpan(code, start, end))
    record.count(f"{table.stem}, evidence spans", sum(map(len, found.values())))
    return found


def _offsets(field: str, length: int, number: int, table: Path) -> list[tuple[int, int]]:
    """The spans of "10 14;20 25". Four lines of the archive have an empty span, which is skipped."""
    parts = [part.split() for part in field.split(";")]
    if all(len(part) == 2 and part[0].isdigit() and part[1].isdigit() for part in parts):
        offsets = [(int(start), int(end)) for start, end in parts]
        if all(start <= end <= length for start, end in offsets):
            return [(start, end) for start, end in offsets if start < end]
    raise MalformedInput(
        f"line {number} of '{table}' has offsets outside of the Spanish text: take the archive's files again"
    )


def project_evidence(texts: Mapping[str, ParallelText], spans: Spans, record: Record) -> Spans:
    """Project spans on the translated texts; spans without a match are counted and left out.

    Sentences are aligned by length, words by translation probabilities learned from these texts.

    Args:
        texts: parallel texts by case, also of cases without spans, which add translations.
    """
    pairs = _sentence_pairs(texts, record)
    translations = learn_translations(pairs)
    projected: Spans = {}
    lost = 0
    for case, marked in spans.items():
        for span in marked:
            place = texts[case].project(span.start, span.end, translations)
            if place is None:
                lost += 1
            else:
                projected.setdefault(case, []).append(CodeSpan(span.code, *place))
    record.count("evidence spans dropped: no word of the translation is sure", lost)
    return projected


def learn_dictionary(texts: Mapping[str, ParallelText], record: Record) -> WordTable:
    """Strengths of English stems by Spanish stem, learned from these texts."""
    return word_strengths(_sentence_pairs(texts, record))


def _sentence_pairs(texts: Mapping[str, ParallelText], record: Record) -> list[Pair]:
    pairs = [pair for text in with_progress(texts.values(), "align", len(texts), "case") for pair in text.pairs()]
    record.count("pairs of sentences that teach words", len(pairs))
    return pairs


def parallel_texts(source: Path, spanish: str, english: str) -> dict[str, ParallelText]:
    """Every case of every split, the unlabelled ones included, that has a text in both languages."""
    found = {}
    for folder in sorted(path for path in source.iterdir() if (path / spanish).is_dir()):
        for path in visible_files((folder / english).glob("*.txt")).files:
            if (folder / spanish / path.name).is_file():
                found[path.stem] = ParallelText(read_text(folder / spanish / path.name), read_text(path))
    return found
