"""How often a denied, family or historical mention is told from an affirmed one.

python tests/benchmarks/judge_minimal_pairs.py BUNDLE [--file assertion_pairs.json | whole_notes.json]

The pairs are those of tests/model/text/minimal_pairs.json (80) or assertion_pairs.json (200, English and Spanish),
written before any rule. Two judgments:

- by the rules: in the second text a word of the term is negated or about the family, in the first one none is (pairs
  with a term);
- by the bundle: the code's probability is lower for the second text. Each text is asked about as a note of its own,
  without neighbours; only the pairs of the bundle's language whose code it knows.

whole_notes.json holds 60 notes, each with a condition that the patient has and one that is denied, of the family or
merely possible. A note is right where the bundle selects the code of the first and not that of the second.
"""

import argparse
import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from model.bundle import load_bundle
from model.coder import Coder
from model.evidence.explainer import language_of
from model.icd import Code
from model.text.assertion import NOT_PRESENT
from model.text.read_note import read_note

NOTES = "whole_notes.json"
PAIRS = Path(__file__).parents[1] / "model" / "text"


def asked(coder: Coder, text: str, column: int) -> tuple[float, float]:
    """Probability of the code as the bundle answers, and by the classifier alone."""
    return float(coder.probabilities(text)[column]), float(coder.score(text).probabilities[column])


def is_denied(text: str, term: str, language: str) -> bool:
    """Whether a word of the term is in a context that does not say what the patient has."""
    note = read_note(text, language)
    letters = unicodedata.normalize("NFKD", term.lower())
    wanted = "".join(letter for letter in letters if not unicodedata.combining(letter)).split()
    starts = [
        place for place in range(len(note.words)) if list(note.words.plain[place : place + len(wanted)]) == wanted
    ]
    if not starts:
        raise LookupError("the term is not among the words of its text")
    return any(bool(note.contexts[place : place + len(wanted)].max() & NOT_PRESENT) for place in starts)


def told_apart(pair: dict[str, str]) -> bool:
    """The judgment by the rules; a term that cannot be found is a failure."""
    try:
        first, second = (is_denied(pair[name], pair["term"], pair["language"]) for name in ("affirmed", "other"))
    except LookupError:
        return False
    return second and not first


def judge_rules(pairs: list[dict[str, str]]) -> None:
    """Print the pairs that the rules do not tell apart, and how many they do."""
    passed, of_kind = Counter[str](), Counter[str]()
    for pair in pairs:
        kind = f"{pair['language']} {pair['kind']}"
        right = told_apart(pair)
        of_kind[kind] += 1
        passed[kind] += right
        if not right:
            print(f"rules: {kind}: {pair['affirmed']!r} | {pair['other']!r}")
    for kind, number in of_kind.items():
        print(f"{kind:15} {passed[kind]} of {number}")
    print(f"{len(pairs)} pairs: {passed.total() / max(1, len(pairs)):.3f} right by the rules")


def judge_bundle(coder: Coder, pairs: list[dict[str, str]]) -> None:
    """Print the pairs that the bundle's probabilities do not tell apart, and how many they do."""
    passed, alone, of_kind = Counter[str](), 0, Counter[str]()
    known = [(pair, coder.labels.column(Code(pair["system"], pair["code"]))) for pair in pairs]
    asked_about = [(pair, column) for pair, column in known if column is not None]
    for pair, column in asked_about:
        affirmed, other = (asked(coder, pair[name], column) for name in ("affirmed", "other"))
        of_kind[pair["kind"]] += 1
        passed[pair["kind"]] += other[0] < affirmed[0]
        alone += other[1] < affirmed[1]
        if other[0] >= affirmed[0]:
            said = f"{affirmed[0]:.4f} {pair['affirmed']!r} | {other[0]:.4f} {pair['other']!r}"
            print(f"{pair['code']} {pair['kind']}: {said}")
    for kind, number in of_kind.items():
        print(f"{kind:12} {passed[kind]} of {number}")
    codes = len({pair["code"] for pair, _ in asked_about})
    share, classifier = np.array([passed.total(), alone]) / max(1, len(asked_about))
    print(
        f"{len(asked_about)} pairs over {codes} codes: {share:.3f} pass; by the classifier alone {classifier:.3f}; "
        f"{len(pairs) - len(asked_about)} pairs have a code that the bundle does not know"
    )


def judge_whole_notes(coder: Coder, notes: list[dict[str, Any]]) -> None:
    """Print the notes whose code is not selected or whose other condition is, and how many are right."""
    passed, of_kind = Counter[str](), Counter[str]()
    for note in notes:
        columns = [_column(coder, note[name]) for name in ("right", "wrong")]
        if None in columns:
            continue
        ranked = coder.ranked(note["text"])
        found = dict(
            zip(ranked.columns.tolist(), zip(ranked.probabilities, ranked.thresholds, strict=True), strict=True)
        )
        (had, over), (other, under) = (found.get(column, (0.0, 1.0)) for column in columns)
        right = bool(had > over and other <= under)
        of_kind[note["kind"]] += 1
        passed[note["kind"]] += right
        if not right:
            print(f"{had:.3f} over {over:.2f}, {other:.3f} not over {under:.2f}: {note['text']}")
    for kind, number in of_kind.items():
        print(f"{kind:12} {passed[kind]} of {number}")
    print(f"{of_kind.total()} of {len(notes)} notes have codes that the bundle knows: {passed.total()} right")


def _column(coder: Coder, codes: dict[str, str]) -> int | None:
    """The first of a condition's codes, by code system, that a training note of the bundle has."""
    columns = (coder.labels.column(Code(system, code)) for system, code in codes.items())
    return next((column for column in columns if column is not None), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?", help="without one, only the rules are judged")
    parser.add_argument(
        "--file", default="minimal_pairs.json", choices=("minimal_pairs.json", "assertion_pairs.json", NOTES)
    )
    options = parser.parse_args()
    pairs = json.loads((PAIRS / options.file).read_text(encoding="utf-8"))
    if options.file == NOTES:
        judge_whole_notes(load_bundle(options.bundle), pairs)
        return
    judge_rules([pair for pair in pairs if "term" in pair])
    if options.bundle is not None:
        coder = load_bundle(options.bundle)
        language = language_of(coder.card)
        judge_bundle(coder, [pair for pair in pairs if pair.get("language", "en") == language])


if __name__ == "__main__":
    main()
