"""The part of report.md about explanations."""

from collections.abc import Mapping
from typing import Any

from training.evaluation.markdown_table import number, table, with_interval

TITLES = {
    "attention": "attention",
    "attingrad": "AttInGrad",
    "random": "random tokens",
    "answer": "as answered (attention, phrases, names)",
}


def explanations_section(explanations: Mapping[str, Any]) -> str:
    """Faithfulness and plausibility with what they mean."""
    sample = f"Measured on {explanations['notes']} notes drawn from the split with seed {explanations['seed']}."
    plausibility = explanations["plausibility"]
    return "\n\n".join(
        [
            sample,
            _faithfulness(explanations["faithfulness"]),
            f"**Plausibility:** not measured, {explanations['no_plausibility']}."
            if plausibility is None
            else _plausibility(plausibility),
        ]
    )


def _faithfulness(found: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{100 * share:g}" for share in found["shares"])
    text = (
        f"**Faithfulness** to the classifier, over the {found['codes']} most probable selected codes (at most five a "
        "note): how much the probability falls without the heaviest tokens (comprehensiveness, higher is better) and "
        f"with them alone (sufficiency, lower is better), averaged over the heaviest {shares}% of the tokens. Tokens "
        f"are left out by putting {found['masked_by']} in their place (DeYoung et al. 2020, ERASER)."
    )
    rows = [
        (TITLES[name], with_interval(method["comprehensiveness"]), with_interval(method["sufficiency"]))
        for name, method in found["methods"].items()
    ]
    return f"{text}\n\n{table(('explanation', 'comprehensiveness', 'sufficiency'), rows)}"


def _plausibility(found: Mapping[str, Any]) -> str:
    text = (
        f"**Plausibility** beside {found['marked_spans']:,} annotated spans of {found['pairs']:,} codes in "
        f"{found['notes']} notes, the codes given, whether they were selected or not. Words: micro over codes. Spans: "
        "two match where they share at least half of their words together (intersection over union)."
    )
    header = ("explanation", "words: precision", "recall", "F1", "spans: precision", "recall", "IoU-F1")
    rows = []
    for name, method in found["methods"].items():
        words, spans = method["words"], method["spans"]
        rows.append(
            (
                TITLES[name],
                *(number(words[key], 3) for key in ("precision", "recall")),
                with_interval(method["word_f1_interval"]),
                *(number(spans[key], 3) for key in ("precision", "recall", "f1")),
            )
        )
    return f"{text}\n\n{table(header, rows)}"
