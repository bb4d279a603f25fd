"""Tables of what only some studies have: other protocols and embeddings, and the size of the contrastive term."""

from training.evaluation.markdown_table import table
from training.study.results import Results
from training.study.sections import pairs_table, settings_table


def variant_section(results: Results) -> list[str]:
    """Two stages, and embeddings that read the codes, each beside and against its joint twin of the mean."""
    variants = results.variants()
    if not variants:
        return []
    twins = list(dict.fromkeys(one.twin for one in variants if one.twin in results.runs))
    lines = ["## Protocols and embeddings", "", settings_table(results, [*twins, *variants]), ""]
    pairs = [(one, one.twin) for one in variants if one.twin in results.runs]
    return [*lines, "Against the joint twin, whose embedding is of the mean:", "", *pairs_table(results, pairs)]


def term_section(results: Results) -> list[str]:
    """How large the contrastive term was beside BCE, by setting."""
    rows = []
    for setting in sorted(results.runs, key=lambda one: one.name):
        bce, term = results.line_mean(setting, "bce"), results.line_mean(setting, "contrastive_term")
        if bce is None or term is None:
            continue
        ratio = "-" if setting.protocol == "two-stage" else f"{term / bce:.3f}"
        rows.append([setting.name, f"{bce:.3f}", f"{term:.3f}", ratio])
    if not rows:
        return []
    note = (
        "BCE is summed over the labels; the term has its lambda. Means over the last epoch of training, or the last "
        "part of the steps, and over the seeds. Of two stages, each is of its own stage."
    )
    names = ["setting", "BCE", "contrastive term", "term / BCE"]
    return ["## Size of the contrastive term", "", note, "", table(names, rows), ""]
