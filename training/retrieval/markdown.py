"""Writes retrieval.md: the numbers of retrieval.json as tables, with comparisons in words and definitions."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.evaluation.markdown_table import signed_interval, table, with_interval

_DEFINITIONS = """\
- **Neighbours** are training documents alone, the {k} with the highest cosine; those of the query's own patient
  are left out (a document without a named patient excludes nobody). Of equals the earlier document comes first.
- **raw encoder**: the L2-normalised mean of the token states of the encoder that training started from, read with
  the bundle's windows. A bundle trained with all encoder layers frozen and without a contrastive loss keeps
  just this embedding: nothing in it was trained. **TF-IDF**: the vectors of `evaluate --baselines`. **random
  documents**: a floor.
- **Label Jaccard@{k}**: mean of |S & T| / |S | T| over the {k} neighbours, S and T the codes of query and
  neighbour inside the label space; averaged over the documents with codes.
- **nDCG@{k}** (Jaervelin and Kekaelaeinen 2002): sum of gain / log2(rank + 1) over the ranks, divided by the same
  sum for the best possible order of the training documents. The gain is the weighted Jaccard index (Ruzicka's;
  Ioffe 2010) of S and T: weight of S & T over weight of S | T, a code weighing ln((1 + N) / (1 + n)) + 1 with n
  of the N training documents (Spaerck Jones 1972, smoothed). Documents that share no code with any training
  document are skipped.
- **Recall of rare codes@{k}**: share of a document's codes with 1 to {rare} training documents that at least one
  of its {k} neighbours carries; averaged over the documents with such a code. Codes without a training document
  are on no neighbour and are not counted.
- **k-NN coder**: a code's score is the share of the neighbours that carry it, a neighbour weighing
  cosine^sharpness. **Blend**: (1 - weight) x probability + weight x vote. k, sharpness and weight by MAP and
  thresholds by micro-F1, all on: {tuned_on}. Assigned codes outside the label space count as missed.
- **Intervals** are 95% percentile bootstrap intervals over documents (1,000 resamples, seeded); differences are
  paired by document. They do not cover the randomness of training: other seeds need other bundles.
"""
TITLES = {"jaccard": "label Jaccard", "ndcg": "nDCG", "rare_recall": "recall of rare codes"}


def retrieval_markdown(report: Mapping[str, Any]) -> str:
    """The report as readable markdown."""
    parts = [
        "# Retrieval report",
        _header(report),
        "## Neighbours",
        _systems(report),
        _plain_words(report),
        "![Measures by system](neighbours.png)",
        "## The coder that neighbours make",
        _coders(report["coders"]),
        "## Definitions",
        _DEFINITIONS.format(k=report["k"], rare=report["rare"], tuned_on=report["tuned_on"]),
        "These numbers hold for the data and split named above. They claim nothing about other data, "
        "nor about MIMIC unless it is what was evaluated.",
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def verdict(difference: Mapping[str, float] | None) -> str:
    """What an interval of the bundle's lead says: better, worse, or not told apart."""
    if difference is None:
        return "not compared"
    if difference["low"] > 0:
        return "better"
    return "worse" if difference["high"] < 0 else "not told apart"


def _header(report: Mapping[str, Any]) -> str:
    rows = [
        ("data", report["data"]),
        ("split", report["split"]),
        ("bundle", f"{report['bundle']}, `{report['bundle_id']}`"),
        ("raw encoder", report["encoder"]),
        ("documents", f"{report['documents']:,} ({report['documents_with_codes']:,} with codes)"),
        ("searched", f"{report['training_documents']:,} training documents"),
        ("rare codes", f"{report['rare_codes']:,} with 1 to {report['rare']} training documents"),
        ("tuned on", report["tuned_on"]),
    ]
    return table(("", "what was evaluated"), rows)


def _systems(report: Mapping[str, Any]) -> str:
    rows = []
    for system in report["systems"]:
        cells = []
        for measure in TITLES:
            cells.append(with_interval(system[measure]["interval"]))
            cells.append(signed_interval(system[measure]["bundle_minus_this"]))
        rows.append((system["name"], *cells))
    header = ["system"]
    for title in TITLES.values():
        header += [f"{title}@{report['k']}", "bundle minus this"]
    return table(header, rows)


def _plain_words(report: Mapping[str, Any]) -> str:
    lines = []
    for system in report["systems"]:
        if system["name"] == report["bundle"]:
            continue
        leads = {title: system[measure]["bundle_minus_this"] for measure, title in TITLES.items()}
        said = ", ".join(f"{title} {signed_interval(lead)} ({verdict(lead)})" for title, lead in leads.items())
        lines.append(f"- {report['bundle']} against {system['name']}: {said}.")
    return "\n".join(lines)


def _coders(coders: Sequence[Mapping[str, Any]] | None) -> str:
    if coders is None:
        return "Nothing could be tuned: a part that would be tuned on has no document with codes."
    rows = [
        (
            coder["name"],
            with_interval(coder["map"]),
            signed_interval(coder["map_difference"]) if coder["map_difference"] else "",
            with_interval(coder["micro_f1"]),
            "; ".join(", ".join(f"{name} {value:.4g}" for name, value in each.items()) for each in coder["settings"]),
        )
        for coder in coders
    ]
    return table(("coder", "MAP", "MAP minus classifier's", "F1, micro", "tuned"), rows)
