"""How often a negated, family or historical mention has a lower probability than an affirmed one.

python tests/benchmarks/judge_minimal_pairs.py BUNDLE

The pairs are those of tests/model/ranking/minimal_pairs.json, written before any rule; their codes are those of the
demo bundle.
Each text is asked about as a note of its own, without neighbours. A pair passes when the code's probability is lower.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from model.bundle import load_bundle
from model.coder import Coder
from model.icd import Code

PAIRS = Path(__file__).parents[1] / "model" / "text" / "minimal_pairs.json"


def asked(coder: Coder, text: str, column: int) -> tuple[float, float]:
    """Probability of the code as the bundle answers, and by the classifier alone."""
    return float(coder.probabilities(text)[column]), float(coder.score(text).probabilities[column])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    coder = load_bundle(parser.parse_args().bundle)
    passed, alone, of_kind = Counter[str](), 0, Counter[str]()
    pairs = json.loads(PAIRS.read_text(encoding="utf-8"))
    for pair in pairs:
        column = coder.labels.column(Code(pair["system"], pair["code"]))
        if column is None:
            raise SystemExit(f"the bundle does not know {pair['system']} {pair['code']}: name the demo's bundle")
        affirmed, other = (asked(coder, pair[name], column) for name in ("affirmed", "other"))
        of_kind[pair["kind"]] += 1
        passed[pair["kind"]] += other[0] < affirmed[0]
        alone += other[1] < affirmed[1]
        if other[0] >= affirmed[0]:
            said = f"{affirmed[0]:.4f} {pair['affirmed']} | {other[0]:.4f} {pair['other']}"
            print(f"{pair['code']} {pair['kind']}: {said}")
    for kind, number in of_kind.items():
        print(f"{kind:12} {passed[kind]} of {number}")
    codes = len({(pair["system"], pair["code"]) for pair in pairs})
    share, classifier = np.array([passed.total(), alone]) / len(pairs)
    print(f"{len(pairs)} pairs over {codes} codes: {share:.3f} pass; by the classifier alone {classifier:.3f}")


if __name__ == "__main__":
    main()
