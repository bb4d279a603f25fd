"""What the form of a note costs: micro-F1 of the same notes as sent by systems that lose or escape line ends.

python tests/benchmarks/benchmark_note_forms.py BUNDLE DATA [--notes 16] [--split test]

The codes that the answer selects, without neighbours. A form passes within 0.01 of the plain notes. Also counts the
evidence spans that are not the text as sent at their offsets.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from model.bundle import load_bundle
from model.coder import Coder
from model.dataset import Document, load_dataset
from tests.note_forms import forms_of

LIMIT = 0.01


@dataclass
class Counts:
    """Over some notes."""

    shared: int = 0
    found: int = 0
    assigned: int = 0
    spans: int = 0
    wrong_spans: int = 0
    changed: int = 0
    """Codes that are selected in the form and not in the plain note, or the other way round."""

    @property
    def micro_f1(self) -> float:
        return 2 * self.shared / max(1, self.found + self.assigned)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--notes", type=int, default=16)
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    coder = load_bundle(options.bundle)
    documents = load_dataset(options.data).require(options.split)[: options.notes]
    counts: dict[str, Counts] = {}
    for document in documents:
        count(coder, document, counts)
    plain = counts["plain"].micro_f1
    print(f"{len(documents)} notes\n{'form':25} micro-F1  loss    codes changed  wrong spans")
    for name, each in counts.items():
        loss = plain - each.micro_f1
        verdict = "" if abs(loss) <= LIMIT else "  not within 0.01"
        wrong = f"{each.wrong_spans} of {each.spans}"
        print(f"{name:25} {each.micro_f1:8.3f} {loss:+6.3f} {each.changed:14}  {wrong}{verdict}")


def count(coder: Coder, document: Document, counts: dict[str, Counts]) -> None:
    """Add one note in every form."""
    known = {code for code in document.codes if coder.labels.column(code) is not None}
    plain: set[object] = set()
    for name, text in forms_of(document.text).items():
        answer = coder.predict([text], top_k=60)[0]
        selected = {(code.system, code.code) for code in answer.codes if code.selected}
        plain = selected if name == "plain" else plain
        spans = [span for code in answer.codes for span in code.evidence]
        total = counts.setdefault(name, Counts())
        total.shared += len(selected & {(code.system, code.code) for code in known})
        total.found += len(selected)
        total.assigned += len(known)
        total.spans += len(spans)
        total.wrong_spans += sum(text[span.start : span.end] != span.text or not span.text for span in spans)
        total.changed += len(selected ^ plain)


if __name__ == "__main__":
    main()
