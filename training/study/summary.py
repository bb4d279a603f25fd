"""Several studies side by side: in each, where every form of SD wins, ties and loses."""

from collections.abc import Sequence
from pathlib import Path

from model.atomic_output import write_atomically
from model.errors import InvalidOption
from training.evaluation.markdown_table import table
from training.study.cell import Setting
from training.study.ledger import Ledger
from training.study.results import Results
from training.study.sections import FIGURES
from training.study.study_losses import BCE, PLACED, RIVALS
from training.study.verdicts import Verdict, verdicts

SHOWN = ("micro_f1", "map", "tail_f1", "neighbour_jaccard", "neighbour_share")


def write_summary(folders: Sequence[Path], out: Path, resamples: int) -> None:
    """Write one Markdown file with a table for each figure: a row for each difference, a column for each study.

    Raises:
        MissingInput: a folder holds no study.
        InvalidOption: a study has no finished cell.
    """
    studies = {folder.resolve().name: _results(folder, resamples) for folder in folders}
    lines = ["Each cell is the mean difference and its verdict at a Holm-corrected p of 0.05 within the study.", ""]
    for figure in SHOWN:
        found = {name: _by_name(results, figure) for name, results in studies.items()}
        rows = list(dict.fromkeys(pair for verdict_of in found.values() for pair in verdict_of))
        cells = [[pair, *(_cell(found[name].get(pair)) for name in studies)] for pair in rows]
        lines += [f"### {FIGURES[figure]}", "", table(["difference", *studies], cells), "", _count(found), ""]
    write_atomically(out, ("\n".join(lines).rstrip() + "\n").encode())


def _results(folder: Path, resamples: int) -> Results:
    ledger = Ledger.read(folder)
    if not ledger.runs:
        raise InvalidOption(f"'{folder}' has no finished cell: run `icd-coder study losses` with this --out")
    return Results(ledger, resamples)


def _by_name(results: Results, figure: str) -> dict[str, Verdict]:
    """Verdicts of every form of SD and loss of one's own against BCE and each rival, all at their chosen lambda."""
    ours, theirs = (_chosen(results, losses) for losses in ((*PLACED, *results.own_losses), (BCE, *RIVALS)))
    found = verdicts(results, [(one, other) for one in ours for other in theirs], figure)
    return {f"{one.ours.loss} - {one.theirs.loss}": one for one in found}


def _chosen(results: Results, losses: Sequence[str]) -> list[Setting]:
    return [setting for loss in losses if (setting := results.chosen(loss)) is not None]


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return "-"
    word = verdict.word
    number = f"{verdict.difference.value:+.4f}"
    return number if word == "ties" else f"**{word}** {number}"


def _count(found: dict[str, dict[str, Verdict]]) -> str:
    words = [(one.ours.loss, one.word) for verdict_of in found.values() for one in verdict_of.values()]
    counts = {
        loss: ", ".join(f"{sum(pair == (loss, word) for pair in words)} {word}" for word in ("wins", "ties", "loses"))
        for loss in dict.fromkeys(loss for loss, _ in words)
    }
    return "; ".join(f"{loss}: {text}" for loss, text in counts.items()) + "."
