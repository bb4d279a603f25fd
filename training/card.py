"""The model card, written from what was measured and from nothing else."""

from typing import Any

from model.dataset import Dataset
from training.loop import TrainingResult
from training.options import TrainingOptions
from training.ranking.threshold_policies import FittedPolicies

INTENDED_USE = (
    "Research use. Suggestions for a person who reviews codes; not a medical device, not for billing without "
    "review. Weights and embeddings are derived from the training notes: treat them under the same agreement."
)


def model_card(
    dataset: Dataset,
    encoder: str,
    options: TrainingOptions,
    result: TrainingResult,
    threshold: float,
    tuned_on: str,
    num_training: int,
    num_validation: int,
    first_stage: TrainingResult | None = None,
) -> dict[str, Any]:
    """The card as JSON-ready data."""
    systems: dict[str, int] = {}
    for label in dataset.labels.labels:
        systems[label.system] = systems.get(label.system, 0) + 1
    card: dict[str, Any] = {
        "name": f"icd-coder: {encoder}, {options.head}, {options.loss}",
        "intended_use": INTENDED_USE,
        "data": {
            "source": dataset.manifest.get("source"),
            "options": dataset.manifest.get("options"),
            "training_documents": num_training,
            "validation_documents": num_validation,
        },
        "labels": {
            "systems": systems,
            "without_training_document": int((dataset.labels.train_counts == 0).sum()),
        },
        "training": options.as_dict()
        | {
            "epochs_run": result.progress.epoch,
            "seconds": round(result.progress.seconds),
            "tokens_read": result.progress.tokens,
        },
        "measured": {
            "validation_map": round(result.progress.best_map, 4),
            "best_epoch": result.progress.best_epoch + 1,
            "threshold": threshold,
            "threshold_tuned_on": tuned_on,
        },
    }
    if first_stage is not None:
        card["training"]["first_stage"] = {
            "epochs_run": first_stage.progress.epoch,
            "best_epoch": first_stage.progress.best_epoch + 1,
            "neighbour_jaccard": round(first_stage.progress.best_map, 4),
            "seconds": round(first_stage.progress.seconds),
            "tokens_read": first_stage.progress.tokens,
        }
    if defect := dataset.manifest.get("label_space_defect"):
        card["label_space_defect"] = defect  # `serve` and `code` refuse such a bundle
    return card


def policies_card(fitted: FittedPolicies) -> dict[str, Any]:
    """What each threshold policy is expected to give, or why the bundle has it not; by name."""
    found: dict[str, Any] = {
        policy.name: {"precision": _rounded(policy.expected_precision), "recall": _rounded(policy.expected_recall)}
        for policy in fitted.policies
    }
    return found | {name: {"out_of_reach": reason} for name, reason in fitted.out_of_reach.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def readme(card: dict[str, Any]) -> str:
    """The card for a reader."""
    systems = ", ".join(f"{number} {system}" for system, number in card["labels"]["systems"].items())
    measured, data = card["measured"], card["data"]
    defect = (
        f"\n**For comparison with papers only:** {card['label_space_defect']}.\n"
        if "label_space_defect" in card
        else ""
    )
    return f"""# {card["name"]}

{card["intended_use"]}
{defect}
- Codes: {systems}; {card["labels"]["without_training_document"]} of them have no training document.
- Trained on {data["training_documents"]} documents, validated on {data["validation_documents"]}.
- Protocol: {protocol(card["training"])}.
- Validation MAP {measured["validation_map"]} at epoch {measured["best_epoch"]} (all codes). It chose the epoch, so it
  flatters: `icd-coder evaluate` measures on a split of your choice.
- Threshold {measured["threshold"]:.3f}, tuned for micro-F1 on: {measured["threshold_tuned_on"]}.
{_policies(card.get("thresholds", {}))}
card.json holds all options and versions; manifest.json the SHA-256 of every file, verified at loading.
"""


def _policies(policies: dict[str, Any]) -> str:
    if not policies:
        return ""
    lines = ["- Expected of the selected codes, on validation patients that the thresholds were not tuned on:"]
    for name, found in policies.items():
        if "out_of_reach" in found:
            lines.append(f"  - {name}: out of reach on validation.")
        elif found["precision"] is None:
            lines.append(f"  - {name}: not measured, nothing was selected or too few patients validate.")
        else:
            lines.append(f"  - {name}: precision {found['precision']:.3f}, recall {found['recall']:.3f}.")
    return "\n".join(lines) + "\n"


def protocol(training: dict[str, Any]) -> str:
    """Which losses trained what, in which order."""
    if training["loss"] == "bce":
        return "BCE alone"
    if training["protocol"] == "joint":
        return f"joint, BCE + {training['contrastive_weight']:g} x {training['loss']}"
    encoder = (
        "with the encoder as it then was" if training["stage_two"] == "frozen" else "the encoder's free layers too"
    )
    return (
        f"two stages, {training['loss']} alone for the embedding, then BCE for the codes, {encoder}; the Jaccard index "
        f"of the ten nearest validation notes was {training['first_stage']['neighbour_jaccard']} after the first"
    )
