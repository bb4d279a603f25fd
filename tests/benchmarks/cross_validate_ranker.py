"""Cross-validated quality of the ranker and of its neighbours on CodiEsp, with intervals over cases.

python tests/benchmarks/cross_validate_ranker.py DATA OUT [--epochs 10]
    [--pairs] [--without-neighbours] [--least-patients 1]

DATA is made by `icd-coder prepare codiesp`; the folds are those of docs/studies/codiesp_folds.tsv (by article).
Networks are trained by the recipe of `train` (MiniLM frozen, SD), each without one fold, and kept in OUT, where a run
goes on that
stopped. Every other channel is nested: for an outer fold k, the fusions learn from notes of folds j, whose features
come from lexicon, titles and neighbours that know neither j nor k. With --pairs the classifier is nested too: ten more
networks, each without two folds. Without it, the features of fold j come from the network that was trained without j
alone, so it has seen the notes of k; what is judged on k never comes from a network that has.
"""

import argparse
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from model.dataset import Document, load_dataset
from model.network.encoder_source import open_encoder
from tests.benchmarks.nested_neighbours import print_neighbours
from tests.benchmarks.nested_ranking import RankedFold, ranked_folds, unseen_found
from training.evaluation.bootstrap import Interval, micro_f1_interval
from training.evaluation.ranked_calibration import ranked_error_interval
from training.options import TrainingOptions
from training.ranking.candidate_pairs import CandidatePairs, pairs_map
from training.ranking.conformal_fit import coverage_of
from training.ranking.fusion_fit import TARGET_RATES, highest_pairs
from training.ranking.lexical_fit import LexicalFit, lexical_fit
from training.run.cross_fit import HeldOut, train_without
from training.run.network import build_network, notes_of
from training.run.run_request import TrainingRequest

FOLDS = Path(__file__).parents[2] / "docs" / "studies" / "codiesp_folds.tsv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--precision", default="bf16", help="fp32 where the processor has no bf16")
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--without-neighbours", action="store_true")
    parser.add_argument("--least-patients", type=int, default=1, help="of a phrase; 1, since the cases are public")
    asked = parser.parse_args()
    dataset = load_dataset(asked.data)
    documents = list(dataset.documents("train", "dev"))
    known = dict(line.split("\t") for line in FOLDS.read_text(encoding="utf-8").splitlines()[1:])
    folds = np.array([int(known[document.document_id]) for document in documents])
    models = trained_models(asked, documents, folds)
    lexical = lexical_fit(dataset, None, asked.least_patients)
    report(ranked_folds(documents, folds, models, lexical, not asked.without_neighbours), lexical)


def trained_models(
    asked: argparse.Namespace, documents: list[Document], folds: np.ndarray
) -> Callable[[frozenset[int], int], HeldOut]:
    """The networks, each trained without one fold, or two."""
    dataset = load_dataset(asked.data)
    options = TrainingOptions(
        encoder="minilm", loss="sd", epochs=asked.epochs, freeze_layers=6, precision=asked.precision
    )
    request = TrainingRequest(asked.data, asked.out / "x", options, fit_splits=("train", "dev"), resume=True)
    encoder = open_encoder(options.encoder, False)
    notes = notes_of(build_network(encoder, dataset, documents, options), encoder, dataset, documents, request)
    wanted = [frozenset((fold,)) for fold in range(5)]
    wanted += [frozenset(pair) for pair in combinations(range(5), 2)] if asked.pairs else []
    found = {}
    for without in wanted:
        folder = asked.out / ("without-" + "-".join(map(str, sorted(without))))
        found[without] = train_without(request, dataset, documents, notes, np.isin(folds, list(without)), folder)

    def model(without: frozenset[int], judge: int) -> HeldOut:
        return found[without] if without in found else found[frozenset((judge,))]

    return model


def report(ranked: list[RankedFold], lexical: LexicalFit) -> None:
    """Print every figure, pooled over the outer folds."""
    pairs = pooled(ranked)
    probabilities = np.concatenate([fold.probabilities for fold in ranked])
    scores = np.concatenate([fold.scores for fold in ranked])
    print(f"{pairs.num_notes} cases, {int(pairs.totals.sum())} assignments")
    print_neighbours([fold.searched for fold in ranked if fold.searched is not None])
    print("MAP fused          ", said(pairs_map(pairs, probabilities, scores)))
    for channel in ranked[0].alone:
        own = np.concatenate([fold.alone[channel] for fold in ranked])
        print(f"MAP {channel:15}", said(pairs_map(pairs, own, own)))
    selected = np.concatenate([fold.selected for fold in ranked])
    true = np.bincount(pairs.notes[selected & pairs.truth], minlength=pairs.num_notes)
    false = np.bincount(pairs.notes[selected & ~pairs.truth], minlength=pairs.num_notes)
    print("micro-F1           ", said(micro_f1_interval(true, false, pairs.totals - true)))
    print(f"micro precision {true.sum() / (true + false).sum():.4f}, recall {true.sum() / pairs.totals.sum():.4f}")
    for top in (20, 50, 100):
        counted = [unseen_found(fold, lexical.code_set, lexical.alphabetical, top) for fold in ranked]
        found, total = (np.concatenate([each[part] for each in counted]) for part in (0, 1))
        print(f"unseen codes in the top {top}: {found.sum()} of {total.sum()}, {found.sum() / total.sum():.4f}")
    highest = highest_pairs(pairs, probabilities)
    known = zip(pairs.notes.tolist(), pairs.columns.tolist(), strict=True)
    place = {pair: number for number, pair in enumerate(known)}
    rows = np.array([place[pair] for pair in zip(highest.documents.tolist(), highest.columns.tolist(), strict=True)])
    prior = np.concatenate([fold.prior for fold in ranked])
    for name, values in (("calibrated", probabilities), ("uncalibrated", scores), ("prior", prior)):
        print(f"ECE@20 {name:12}", said(ranked_error_interval(highest, values[rows])))
    for target in TARGET_RATES:
        if all(target in fold.sets for fold in ranked):
            covered = coverage_of(pairs, np.concatenate([fold.sets[target] for fold in ranked]), target)
            rate, size = said(covered.false_negative_rate), covered.mean_set_size
            print(f"conformal {target:g}: false negatives {rate}, holds: {covered.holds}, mean size {size:.1f}")
        else:
            print(f"conformal {target:g}: out of reach of the candidates")


def pooled(ranked: list[RankedFold]) -> CandidatePairs:
    """The pairs of all folds, notes counted on."""
    starts = np.cumsum([0, *(fold.pairs.num_notes for fold in ranked)])
    return CandidatePairs(
        np.concatenate([fold.pairs.notes + start for fold, start in zip(ranked, starts, strict=False)]),
        np.concatenate([fold.pairs.columns for fold in ranked]),
        np.concatenate([fold.pairs.truth for fold in ranked]),
        np.concatenate([fold.pairs.missed for fold in ranked]),
    )


def said(interval: Interval | None) -> str:
    return "none" if interval is None else f"{interval.value:.4f} [{interval.low:.4f}, {interval.high:.4f}]"


if __name__ == "__main__":
    main()
