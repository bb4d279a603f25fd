"""The tables of a study's report."""

from collections.abc import Iterable, Sequence
from typing import Any

from training.evaluation.bootstrap import Estimate
from training.evaluation.markdown_table import table
from training.study.bands import bands
from training.study.cell import Setting
from training.study.inputs import StudyData
from training.study.measures import SPARSE
from training.study.results import CHOSEN_BY, DEFAULT_TEMPERATURE, Results
from training.study.study_losses import ABLATIONS, BCE, PLACED, RIVALS
from training.study.verdicts import SIGNIFICANT, verdicts

FIGURES = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "map": "MAP",
    "head_f1": "head F1",
    "medium_f1": "medium F1",
    "tail_f1": "tail F1",
    "sparse_f1": f"F1, 1-{SPARSE} labels",
    "neighbour_jaccard": "Jaccard@10",
    "neighbour_share": "share@10",
    "neighbour_ndcg": "nDCG@10",
    "neighbour_rare": "rare found",
}
TESTED = (
    "micro_f1",
    "map",
    "neighbour_jaccard",
    "neighbour_share",
    "neighbour_ndcg",
    "neighbour_rare",
    "head_f1",
    "medium_f1",
    "tail_f1",
    "sparse_f1",
)
SHORT = ("micro_f1", "map", "tail_f1", "neighbour_jaccard", "neighbour_share")
WHOLE = (BCE, *RIVALS, *PLACED)


def head(results: Results, data: StudyData, resamples: int) -> list[str]:
    """What was run on what, and how to read the tables."""
    identity, sizes = results.identity, results.identity["documents"]
    recipe = ", ".join(f"{name} {value}" for name, value in identity["recipe"].items())
    found = bands(data.train_counts)
    ranges = "; ".join(f"{one.name}: {len(one.columns)} labels of {one.fewest}-{one.most}" for one in found)
    held = "" if identity["judged_split"] == "test" else " (no test split: dev is judged, tuning is held-back training)"
    return [
        f"# Losses on {identity['data']}",
        "",
        f"{sizes['train']} training, {sizes['tuning']} tuning and {sizes['judged']} judged documents{held}, "
        f"{identity['labels']} labels. {_trained(identity['recipe'])}; {recipe}.",
        "",
        f"- Intervals are 95%, of {resamples} resamples of documents and seeds together; macro-F1 has none. "
        "Differences are paired by document and seed; p is two-sided, Holm-corrected within a table's figure.",
        f"- Unless a table says otherwise tau is {DEFAULT_TEMPERATURE:g} and lambda the one with the best {CHOSEN_BY} "
        "over the seeds, on the tuning part. The threshold is tuned there too.",
        f"- Bands hold a third of the training assignments each (training documents a label): {ranges}.",
        "- Jaccard@10 and share@10: mean label Jaccard of the 10 nearest training documents in the embedding, and the "
        "share of them with a common label. nDCG@10: their order, by the Jaccard index weighted by rarity. Rare found: "
        "the share of a document's codes with at most 10 training documents that one of the ten has.",
        "",
    ]


def _trained(recipe: dict[str, Any]) -> str:
    layers = recipe.get("free_layers")
    if layers:
        return f"The coder of `icd-coder train`, the top {layers} layers of its encoder free"
    small = "a small trunk with a BCE head and a projection head, trained jointly"
    return f"Frozen features (or the dataset's own) under {small}"


def chosen_section(results: Results) -> list[str]:
    """Every loss at its chosen lambda."""
    rows = []
    for setting in _chosen(results, _whole(results)):
        cells = [
            _plain(results.seed_mean(setting, name))
            if name == "macro_f1"
            else _interval(results.estimate(setting, name))
            for name in FIGURES
        ]
        rows.append([setting.loss, _lambda(setting), str(len(results.seeds(setting))), *cells])
    return ["## Every loss", "", table(["loss", "lambda", "seeds", *FIGURES.values()], rows), ""]


def verdict_section(results: Results) -> list[str]:
    """Each form of SD, and each loss of one's own, against BCE and each rival, and each rival against BCE."""
    ours, theirs = _chosen(results, (*PLACED, *results.own_losses)), _chosen(results, (BCE, *RIVALS))
    bce = [one for one in theirs if one.loss == BCE]
    if not ours or not theirs:
        return []
    whose = ", ".join(["SD", *results.own_losses])
    lines = [
        f"## Where {whose} wins, ties and loses",
        "",
        f"A win or a loss has a corrected p below {SIGNIFICANT:g}.",
        "",
    ]
    lines += pairs_table(results, [(one, other) for one in ours for other in theirs])
    if bce and len(theirs) > 1:
        lines += ["The rivals against BCE:", ""]
        lines += pairs_table(results, [(one, bce[0]) for one in theirs if one.loss != BCE])
    return lines


def lambda_section(results: Results) -> list[str]:
    """Every lambda at the default temperature."""
    found = [
        one
        for one in results.settings(_whole(results))
        if one.temperature == DEFAULT_TEMPERATURE and one.scale == "plain"
    ]
    if len({one.weight for one in found}) < 2:
        return []
    lines = ["## Every lambda", "", settings_table(results, found), ""]
    bce = results.settings([BCE])
    for ours in (one for one in found if one.loss == "sd"):
        rivals = [one for one in found if one.weight == ours.weight and one.loss in RIVALS]
        lines += [f"SD at lambda {ours.weight:g} against BCE, and the rivals at the same lambda:", ""]
        lines += pairs_table(results, [(ours, other) for other in (*bce, *rivals)])
    return lines


def temperature_section(results: Results) -> list[str]:
    """Sensitivity to tau, at equal lambda and scale."""
    lines = []
    for group in _by_loss_and_lambda(results):
        if len({one.temperature for one in group}) > 1:
            lines += [settings_table(results, group), ""]
    return ["## Temperature", "", *lines] if lines else []


def ablation_section(results: Results) -> list[str]:
    """Parts and shapes of the weight, each against the whole one with the same numbers."""
    lines = []
    for whole in results.settings(["sd"]):
        same = [one for one in results.settings(ABLATIONS) if _numbers(one) == _numbers(whole)]
        if same:
            lines += [f"Against {whole.name}:", "", settings_table(results, [whole, *same]), ""]
            lines += pairs_table(results, [(one, whole) for one in same])
    return ["## The factors of the weight", "", *lines] if lines else []


def scale_section(results: Results) -> list[str]:
    """Equal lambda against matched scale."""
    rows = []
    for setting in results.settings((*_whole(results), *ABLATIONS)):
        twin = Setting(setting.loss, setting.temperature, setting.weight, "plain")
        if setting.scale != "matched" or twin not in results.runs:
            continue
        factor = results.line_mean(setting, "factor")
        for one in (twin, setting):
            numbers = [_plain(results.seed_mean(one, name)) for name in SHORT]
            rows.append([one.name, "1" if one is twin or factor is None else f"{factor:.3g}", *numbers])
    if not rows:
        return []
    return ["## Equal lambda against matched scale", "", table(["setting", "factor", *_names(SHORT)], rows), ""]


def cost_section(results: Results) -> list[str]:
    """Time and memory of a step."""
    rows = []
    for setting in _chosen(results, _whole(results)):
        seconds, peak = results.line_mean(setting, "seconds_a_step"), results.line_mean(setting, "peak_bytes_a_step")
        shown = "-" if peak is None else f"{peak / 1e6:.2f}"
        rows.append([setting.loss, f"{1e3 * (seconds or 0):.1f}", shown])
    note = "Wall time is that of the machine as it was, with whatever else ran; it is no benchmark."
    return ["## Cost of a step", "", note, "", table(["loss", "ms", "MB of tensors at the peak"], rows), ""]


def _whole(results: Results) -> tuple[str, ...]:
    """The losses that are no ablation."""
    return (*WHOLE, *results.own_losses)


def _chosen(results: Results, losses: Iterable[str]) -> list[Setting]:
    return [setting for loss in losses if (setting := results.chosen(loss)) is not None]


def _by_loss_and_lambda(results: Results) -> list[list[Setting]]:
    found: dict[tuple[str, float, str], list[Setting]] = {}
    for setting in results.settings((*_whole(results), *ABLATIONS)):
        found.setdefault((setting.loss, setting.weight, setting.scale), []).append(setting)
    return list(found.values())


def settings_table(results: Results, settings: Sequence[Setting]) -> str:
    rows = [[one.name, *(_interval(results.estimate(one, name)) for name in SHORT)] for one in settings]
    return table(["setting", *_names(SHORT)], rows)


def pairs_table(results: Results, pairs: Sequence[tuple[Setting, Setting]]) -> list[str]:
    rows: dict[tuple[Setting, Setting], list[str]] = {pair: [f"{pair[0].loss} - {pair[1].loss}"] for pair in pairs}
    for figure in TESTED:
        found = {(one.ours, one.theirs): one for one in verdicts(results, pairs, figure)}
        for pair, row in rows.items():
            row.append(_verdict(found[pair].difference, found[pair].word) if pair in found else "-")
    return [table(["difference", *_names(TESTED)], rows.values()), ""]


def _verdict(difference: Estimate, word: str) -> str:
    numbers = f"{difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"
    return numbers if word == "ties" else f"**{word}** {numbers}"


def _interval(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


def _plain(value: float) -> str:
    return f"{value:.4f}" if value == value else "-"


def _lambda(setting: Setting) -> str:
    return "-" if setting.loss == BCE else f"{setting.weight:g}"


def _names(figures: Iterable[str]) -> list[str]:
    return [FIGURES[name] for name in figures]


def _numbers(setting: Setting) -> tuple[float, float, str]:
    return setting.temperature, setting.weight, setting.scale
