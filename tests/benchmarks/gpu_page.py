"""The Markdown page of a GPU session."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from training.evaluation.markdown_table import table

FIGURES = {
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "map": "MAP",
    "jaccard_at_10": "Jaccard@10",
    "ndcg_at_10": "nDCG@10",
    "rare_recall": "rare codes found",
}


def session_page(result: dict[str, Any]) -> str:
    """All that ran, and what did not."""
    parts: dict[str, dict[str, Any]] = result["parts"]
    done = {name: part for name, part in parts.items() if part["state"] == "done"}
    sections = [_head(result), *_speed("train", "Training", done), *_losses(done)]
    sections += [*_speed("predict", "Inference", done), *_fine_tunes(result, done), *_rest(parts)]
    return "\n\n".join(sections) + "\n"


def _head(result: dict[str, Any]) -> str:
    machine = result["machine"]
    where = machine["device"] + (f", {machine['memory_gibibytes']} GiB" if "memory_gibibytes" in machine else "")
    cuda = f", CUDA {machine['cuda']}" if machine["cuda"] else ""
    small = " **Tiny shapes and few notes: a trial of the script, no measurement.**" if result["small"] else ""
    peak = machine.get("peak_by_data_sheet")
    sheet = "unknown" if not peak else ", ".join(f"{name} {value / 1e12:,.1f} TF/s" for name, value in peak.items())
    return (
        f"# A session on {where}\n\n"
        f"{result['started']}, {result['seconds']:.0f} s of {60 * result['minutes']:.0f} s, commit {result['commit']}, "
        f"torch {machine['torch']}{cuda}, transformers {machine['transformers']}, Python {machine['python']}. "
        f"Peak by the maker's data sheet (dense): {sheet}.{small}"
    )


def _speed(kind: str, title: str, done: dict[str, dict[str, Any]]) -> list[str]:
    parts = [part for name, part in done.items() if name.startswith(f"{kind} ")]
    if not parts:
        return []
    header = [
        "head",
        "notes",
        "form",
        "ms a batch",
        "tokens/s",
        "of a large product",
        "of data sheet",
        "MiB",
        "x plain",
    ]
    rows = [
        [part["head"], str(part["notes"]), form, *_speed_cells(figures)]
        for part in parts
        for form, figures in part["forms"].items()
    ]
    said = (
        "A step is forward, backward and AdamW; all notes have the same length."
        if kind == "train"
        else ("From token ids on the device to probabilities on the host; several notes are of mixed length.")
    )
    return [f"## {title}", said, table(header, rows)]


def _speed_cells(figures: dict[str, Any]) -> list[str]:
    sheet, memory = figures["share_of_data_sheet"], figures["added_mebibytes"]
    return [
        f"{figures['seconds'] * 1e3:,.1f}",
        f"{figures['tokens_per_second']:,.0f}",
        f"{figures['share_of_peak']:.0%}",
        "" if sheet is None else f"{sheet:.0%}",
        "" if memory is None else f"{memory:,.0f}",
        f"{figures['times_published']:.2f}",
    ]


def _losses(done: dict[str, dict[str, Any]]) -> list[str]:
    parts = [part for name, part in done.items() if name.startswith("losses, ")]
    if not parts:
        return []
    rows = [
        [f"{part['batch']:,}", form, f"{figures['milliseconds']:.2f}", f"{figures['added_mebibytes']:,.0f}"]
        for part in parts
        for form, figures in part["forms"].items()
    ]
    said = f"SD, forward and backward, {parts[0]['labels']:,} labels, 16 a row, D = {parts[0]['size']}: medians."
    return ["## Losses", said, table(["B", "form", "ms", "added MiB"], rows)]


def _fine_tunes(result: dict[str, Any], done: dict[str, dict[str, Any]]) -> list[str]:
    cells = sorted(
        (part for name, part in done.items() if name.startswith("fine-tune ")),
        key=lambda cell: (cell["corpus"], cell["loss"], cell["seed"]),
    )
    if not cells:
        return []
    header = ["corpus", "loss", "seed", *FIGURES.values(), "BCE", "SD", "s"]
    rows = [[cell["corpus"], cell["loss"], str(cell["seed"]), *_cell_figures(cell)] for cell in cells]
    said = (
        f"{result['packed']['encoder']}, all layers free; the epoch with the best MAP on the tuning notes, "
        f"and the threshold tuned there. {_judged(cells)} BCE and SD: the two losses of the last steps, before lambda. "
        f"Seconds: the whole fine-tune, with {result['at_once']} at once on the device."
    )
    return ["## Fine-tunes", said, table(header, rows), *_differences(cells)]


def _judged(cells: Sequence[dict[str, Any]]) -> str:
    splits = {cell["corpus"]: f"{cell['judged_on']} ({cell['notes']['judged']:,} notes)" for cell in cells}
    return "Judged on " + ", ".join(f"{corpus}'s {split}" for corpus, split in splits.items()) + "."


def _cell_figures(cell: dict[str, Any]) -> list[str]:
    parts = [_number(cell["last_bce"], 2), _number(cell["last_contrastive"], 2)]
    return [*(_number(cell[name]) for name in FIGURES), *parts, f"{cell['seconds']:.0f}"]


def _differences(cells: Sequence[dict[str, Any]]) -> list[str]:
    """SD less BCE over the seeds that have both; the range, since so few seeds carry no interval."""
    by = {(cell["corpus"], cell["loss"], cell["seed"]): cell for cell in cells}
    rows = []
    for corpus in dict.fromkeys(cell["corpus"] for cell in cells):
        pairs = [
            (by[corpus, "bce", cell["seed"]], cell)
            for cell in cells
            if cell["corpus"] == corpus and cell["loss"] == "sd" and (corpus, "bce", cell["seed"]) in by
        ]
        if pairs:
            shown = [_difference((bce[name], sd[name]) for bce, sd in pairs) for name in FIGURES]
            rows.append([corpus, str(len(pairs)), *shown])
    if not rows:
        return []
    return [
        "SD less BCE, seed by seed: mean, and lowest to highest.",
        table(["corpus", "seeds", *FIGURES.values()], rows),
    ]


def _difference(pairs: Iterable[tuple[float | None, float | None]]) -> str:
    found = [sd - bce for bce, sd in pairs if bce is not None and sd is not None]
    return f"{statistics.fmean(found):+.4f} ({min(found):+.4f} to {max(found):+.4f})" if found else "n/a"


def _number(value: float | None, decimals: int = 4) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


def _rest(parts: dict[str, dict[str, Any]]) -> list[str]:
    lines = [f"- {name}: not run, {part['reason']}" for name, part in parts.items() if part["state"] == "not run"]
    lines += [
        f"- {name}: failed, {part['error']} at {part['at']} {part['message']}".rstrip()
        for name, part in parts.items()
        if part["state"] == "failed"
    ]
    return ["## Not run, or failed", "\n".join(lines)] if lines else []
