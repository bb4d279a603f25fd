"""The model card, written from what was measured and from nothing else."""

from typing import Any

from model.dataset import Dataset
from model.losses.own_loss import own_loss_digest
from training.options import LOSSES, TrainingOptions
from training.ranking.fusion_fit import fusion_card
from training.ranking.ranker_fit import FittedRanker
from training.ranking.threshold_policies import FittedPolicies
from training.run.trained import Trained
from training.run.words_card import words_readme

INTENDED_USE = (
    "Research use. Suggestions for a person who reviews codes; not a medical device, not for billing without "
    "review. Weights and embeddings are derived from the training notes: treat them under the same agreement."
)


def model_card(
    dataset: Dataset,
    encoder: str,
    options: TrainingOptions,
    trained: Trained,
    threshold: float,
) -> dict[str, Any]:
    """The card as JSON-ready data."""
    result, first_stage = trained.outcome.result, trained.outcome.first_stage
    learned = {code for document in trained.learned_from for code in document.codes} & {
        label.key for label in dataset.labels.labels
    }
    systems: dict[str, int] = {}
    for label in dataset.labels.labels:
        systems[label.system] = systems.get(label.system, 0) + 1
    card: dict[str, Any] = {
        "name": f"icd-coder: {encoder}, {options.head}, {options.loss}",
        "intended_use": INTENDED_USE,
        "data": {
            "source": dataset.manifest.get("source"),
            "options": dataset.manifest.get("options"),
            "training_documents": len(trained.learned_from),
            "validation_documents": len(trained.held),
        },
        "labels": {
            "systems": systems,
            "without_training_document": len(dataset.labels) - len(learned),
        },
        "training": options.as_dict()
        | {
            "epochs_run": result.progress.epoch,
            "seconds": round(result.progress.seconds),
            "tokens_read": result.progress.tokens,
        },
        "measured": {
            "validation_map": round(trained.validation_map, 4),
            "best_epoch": result.progress.best_epoch + 1,
            "chosen_by_validation": trained.chosen_by_validation,
            "threshold": threshold,
            "threshold_tuned_on": trained.tuned_on,
        },
    }
    if options.loss not in LOSSES:
        card["training"]["loss_source"] = own_loss_digest(options.loss)
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


def ranker_card(fitted: FittedRanker) -> dict[str, Any]:
    """What was measured on held-out notes, with neighbours and without."""
    candidate_builder = fitted.ranker.candidate_builder
    prior = candidate_builder.codes.train_counts / candidate_builder.documents
    fusions = {"without_neighbours": fitted.without_neighbours, "with_neighbours": fitted.with_neighbours}
    measured = {
        name: fusion_card(fusion, prior) | {"thresholds": policies_card(fusion.policies)}
        for name, fusion in fusions.items()
    }
    share = fitted.code_vectors.vectors.code_share
    return {
        "codes": len(candidate_builder.codes),
        "training_documents": candidate_builder.documents,
        **measured,
        "similar_notes": {
            "code_share": share,
            "ndcg_10_by_share": {f"{tried:g}": value for tried, value in fitted.code_vectors.ndcg.items()},
        },
    }


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
{_validation(measured)}
- Threshold {measured["threshold"]:.3f}, tuned for micro-F1 on: {measured["threshold_tuned_on"]}.
{_policies(card.get("thresholds", {}))}{_ranker(card.get("ranker", {}))}{_notes(card)}
card.json holds all options and versions; manifest.json the SHA-256 of every file, verified at loading.
"""


def _notes(card: dict[str, Any]) -> str:
    return note_kind_card(card.get("note_kind", {})) + words_readme(card.get("words", {}))


def _validation(measured: dict[str, Any]) -> str:
    said = f"- Validation MAP {measured['validation_map']} of the classifier alone (all codes), "
    if measured["chosen_by_validation"]:
        return (
            f"{said}at epoch {measured['best_epoch']}. It chose the epoch, so it\n"
            "  flatters: `icd-coder evaluate` measures on a split of your choice."
        )
    return (
        f"{said}out of fold: every note was scored by a\n"
        f"  network trained without its fold, for all {measured['best_epoch']} epochs."
    )


def _ranker(ranker: dict[str, Any]) -> str:
    if not ranker:
        return ""
    if "out_of_reach" in ranker:
        return f"- No ranker: {ranker['out_of_reach']}.\n"
    lines = [f"- Ranker over {ranker['codes']} codes; measured on notes that its parts were not fitted on:"]
    for name in ("without_neighbours", "with_neighbours"):
        error = ranker[name]["ece_top_20"]["calibrated"]
        lines.append(
            f"  - {name.replace('_', ' ')}: MAP {ranker[name]['map']['value']:.3f}, "
            f"ECE of the 20 best {error['value']:.3f} [{error['low']:.3f}, {error['high']:.3f}]."
        )
    return "\n".join(lines) + "\n" + similar_notes(ranker.get("similar_notes", {}))


def similar_notes(measured: dict[str, Any]) -> str:
    """How much the codes count where similar notes are searched for; "" in bundles that search by the text alone."""
    if not measured.get("ndcg_10_by_share"):
        return ""
    share, by_share = measured["code_share"], measured["ndcg_10_by_share"]
    return (
        f"- Similar notes: codes count {share:.0%}, the text {1 - share:.0%}. On held-out notes nDCG@10 is "
        f"{by_share[f'{share:g}']:.3f}, by the text alone {by_share['0']:.3f}.\n"
    )


def note_kind_card(measured: dict[str, Any]) -> str:
    """How often a note of the training's kind is taken for another; "" where the bundle does not ask."""
    if not measured:
        return ""
    notes, limits = measured["held_out_notes"], measured["limits"]
    unusual, doubted = (f"{measured[name]} ({measured[name] / notes:.1%})" for name in ("unusual", "doubted"))
    far = "" if limits["usual_distance"] >= 2 else f", and distances up to {limits['usual_distance']:.3f}"
    return (
        f"- Of {notes} held-out notes, {unusual} would be called unlike the training notes, and {doubted}\n"
        f"  would get no selected code. Usual are {limits['usual_pairs']:.0%} and more of known pairs of words{far}.\n"
    )


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
