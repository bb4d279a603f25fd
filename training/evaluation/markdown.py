"""report.md: the numbers of report.json as tables, with what they mean."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.evaluation.explanations_markdown import explanations_section
from training.evaluation.markdown_table import number, signed_interval, table, with_interval
from training.evaluation.populations import POPULATIONS

METRIC_TITLES = {
    "map": "MAP",
    "precision_at_5": "P@5",
    "precision_at_8": "P@8",
    "precision_at_15": "P@15",
    "recall_at_5": "R@5",
    "recall_at_8": "R@8",
    "recall_at_15": "R@15",
    "r_precision": "R-precision",
    "micro_auc": "AUC, micro",
    "macro_auc": "AUC, macro",
    "micro_auc_pr": "AUC-PR, micro",
    "micro_precision": "precision, micro",
    "micro_recall": "recall, micro",
    "micro_f1": "F1, micro",
    "macro_precision": "precision, macro",
    "macro_recall": "recall, macro",
    "macro_f1_caml": "F1, macro `caml`",
    "macro_f1_all": "F1, macro `all`",
    "macro_f1_present": "F1, macro `present`",
    "exact_match": "exact match",
    "jaccard": "Jaccard",
    "ece": "calibration error (ECE)",
}

_DEFINITIONS = """\
- **Populations.** *all*: every code of the label space. *present*: the codes with at least one positive in
  this split. The choice changes most metrics, so a number without its population compares with nothing.
- **Threshold.** A code is selected where its probability is strictly above the threshold. A tuned global
  threshold is the value of linspace(0, 1, 100) with the best micro-F1 on the split named above; of equals
  the lowest. If that is the split reported here, the metrics of selected codes are optimistic.
- **Ties.** Codes of equal score are ranked by code order. Areas count a tie between a positive and a
  negative as half (AUC) or let equal scores enter together (AUC-PR).
- **Documents without codes** are skipped by MAP, P@k, R@k and R-precision; elsewhere every code selected in
  them is wrong.
- **Codes outside the label space** count as missed in MAP, R@k, R-precision, micro recall and F1, exact
  match and Jaccard; they have no column, so areas, macro averages and bands leave them out.
- **Macro F1.** `caml`: F1 of macro precision and macro recall. `all`: mean F1 of the population's codes, 0
  where a code is neither assigned nor selected. `present`: mean F1 of the codes present. Macro AUC skips
  codes without a positive or a negative.
- **Calibration error.** Mean distance between the probabilities and the share of assigned codes in 100 bins of
  equally many (document, code) cells, ordered by the 8 leading bits of the probability. Codes are rare, so it
  is small: always answering 0 reaches the share of assigned cells. Not given for scores outside 0 to 1.
- **Bands.** MAP ranks the codes of a band among themselves, over the documents that carry one; R@15 is the
  share of the band's assignments among the first 15 of all codes. F1 of a band counts the wrongly selected
  codes of that band.
- **Intervals** are 95% percentile bootstrap intervals over documents ({resamples} resamples, seeded).
"""


def report_markdown(report: Mapping[str, Any]) -> str:
    """The report as readable markdown."""
    parts = [
        "# Evaluation report",
        _header(report),
        "## Metrics",
        _metrics(report),
        *(("## Baselines", _baselines(report)) if report["baselines"] else ()),
        "## By training frequency",
        _bands(report["frequency_bands"]),
        *(("## Calibration", _calibration(report["calibration"])) if report["calibration"] else ()),
        *(("## Explanations", explanations_section(report["explanations"])) if report.get("explanations") else ()),
        "## Plots",
        "![Precision and recall](plots/precision_recall.png)",
        "![F1 by frequency](plots/f1_by_frequency.png)",
        *(["![Reliability](plots/reliability.png)"] if report["calibration"] else []),
        "## Definitions",
        _DEFINITIONS.format(resamples=_resamples(report)),
        "These numbers hold for the data and split named above. They claim nothing about other data, "
        "nor about MIMIC unless it is what was evaluated.",
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _header(report: Mapping[str, Any]) -> str:
    outside = report["assignments_outside_label_space"]
    rows = [
        ("data", report["data"]),
        ("split", report["split"]),
        ("bundle", f"`{report['bundle_id']}`") if report["bundle_id"] else ("scores", str(report["scores_file"])),
        *([("precision", str(report["precision"]))] if report.get("precision") else []),
        *([("ranked by", str(report["ranking"]))] if report.get("ranking") else []),
        ("documents", f"{report['documents']:,} ({report['documents_with_codes']:,} with codes)"),
        ("codes", f"{report['codes']['all']:,} in all, {report['codes']['present']:,} present in this split"),
        ("assignments", f"{report['assignments']:,} ({outside:,} outside the label space)"),
        ("threshold", f"{_threshold(report['threshold'])} ({report['threshold_source']})"),
    ]
    return table(("", "what was evaluated"), rows)


def _metrics(report: Mapping[str, Any]) -> str:
    rows = []
    for name, title in METRIC_TITLES.items():
        cells = []
        for population in POPULATIONS:
            value = number(report["metrics"][population][name], 6 if name == "ece" else 4)
            interval = report["intervals"][population].get(name)
            cells.append(f"{value} [{number(interval['low'])}, {number(interval['high'])}]" if interval else value)
        rows.append((title, *cells))
    titles = [f"{population} ({report['codes'][population]:,} codes)" for population in POPULATIONS]
    return table(("metric", *titles), rows)


def _baselines(report: Mapping[str, Any]) -> str:
    metrics = ("map", "precision_at_8", "micro_auc_pr", "micro_f1")
    rows = []
    for population in POPULATIONS:
        mine = report["metrics"][population]
        rows.append(("coder", population, *(number(mine[name]) for name in metrics), "", ""))
        for name, baseline in report["baselines"].items():
            theirs = baseline[population]
            ahead = (signed_interval(theirs[f"{key}_difference"]) or "n/a" for key in ("map", "micro_f1"))
            rows.append((name, population, *(number(theirs[key]) for key in metrics), *ahead))
    header = ("system", "population", "MAP", "P@8", "AUC-PR, micro", "F1, micro", "coder ahead in MAP", "in micro-F1")
    note = (
        "How far the coder is ahead is paired by document, with its 95% bootstrap interval. The threshold and the "
        "penalty of a baseline were chosen on the dev split; where that is the split reported, on a fifth of the "
        "training patients, which these were then learned from too."
    )
    return f"{table(header, rows)}\n\n{note}"


def _bands(bands: Sequence[Mapping[str, Any]]) -> str:
    header = (
        "training documents",
        "codes",
        "present",
        "assignments",
        "F1, micro",
        "F1, macro",
        "MAP",
        "R@15",
    )
    rows = [
        (
            band["name"],
            *(f"{band[name]:,}" for name in ("codes", "present", "assignments")),
            *(number(band[name]) for name in ("micro_f1", "macro_f1", "map", "recall_at_15")),
        )
        for band in bands
    ]
    return table(header, rows)


def _calibration(calibration: Mapping[str, Any]) -> str:
    rows = [
        (title, with_interval(calibration[name]))
        for title, name in (("ECE of the coder", "ece"), ("ECE of the label prior, same pairs", "ece_of_prior"))
        if calibration[name] is not None
    ]
    rows += [(f"Brier, {name} training documents", number(value, 6)) for name, value in calibration["brier"].items()]
    text = (
        f"ECE over the {calibration['codes_a_document']} highest-ranked codes of each document "
        f"({calibration['pairs']:,} pairs) in {calibration['bins']} bins of equal mass; Brier score over all pairs of "
        "document and code."
    )
    return f"{text}\n\n{table(('', 'value'), rows)}"


def _resamples(report: Mapping[str, Any]) -> str:
    interval = report["intervals"]["all"]["map"] or report["intervals"]["all"]["micro_f1"]
    return f"{interval['resamples']:,}" if interval else "no"


def _threshold(threshold: float | Mapping[str, float]) -> str:
    if isinstance(threshold, Mapping):
        return "one for each code" + (
            f", {threshold['lowest']:.4f} to {threshold['highest']:.4f}, median {threshold['median']:.4f}"
            if threshold
            else ""
        )
    return f"{threshold:.4f}"
