"""Embeddings in two dimensions, coloured by how each document's labels relate to those of one anchor."""

from pathlib import Path

import numpy as np

from model.label_sets import LabelSets
from model.losses.relations import Relation, relation
from training.study.cell import Cell, Setting
from training.study.inputs import Part, StudyData
from training.study.plots import new_figure, save_figure
from training.study.results import Results
from training.study.run_study import Train
from training.study.study_losses import BCE

DOCUMENTS = 600
PLACED_LOSSES = (BCE, "any", "sd")
COLOURS = {
    Relation.DISJOINT: "0.85",
    Relation.PARTIAL: "C0",
    Relation.SUBSET: "C2",
    Relation.SUPERSET: "C1",
    Relation.EQUAL: "C3",
}


def plot_relations(results: Results, data: StudyData, again: Train, path: Path) -> str | None:
    """t-SNE (van der Maaten and Hinton 2008) of judged embeddings under up to three losses; the caption, or None."""
    settings = [setting for loss in PLACED_LOSSES if (setting := results.chosen(loss)) is not None]
    if not settings:
        return None
    part = _first(data.judged, DOCUMENTS)
    anchor, relations = most_related(part, len(data.labels))
    figure, panels = new_figure(len(settings), 4)
    for axes, setting in zip(panels, settings, strict=True):
        points = _points(setting, results.seeds(setting)[0], again, len(part))
        for kind, colour in COLOURS.items():
            chosen = points[(relations == kind) & (np.arange(len(part)) != anchor)]
            axes.scatter(*chosen.T, s=8, color=colour, label=f"{kind.name.lower()} ({len(chosen)})")
        axes.scatter(*points[anchor], marker="*", s=150, color="black", label="anchor")
        axes.set(title=setting.name, xticks=[], yticks=[])
    figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize="small")
    save_figure(figure, path)
    return f"t-SNE of {len(part)} judged documents, coloured by the relation of their labels to the anchor's (star)."


def most_related(part: Part, num_labels: int) -> tuple[int, np.ndarray]:
    """The document to which the others stand in most kinds of relation, the rarest kind as common as can be, and
    the relations (n,) of all documents to it."""
    sets = LabelSets.from_rows(part.rows, num_labels)
    relations = relation(sets, sets).numpy()
    np.fill_diagonal(relations, -1)
    counts = np.stack([(relations == kind).sum(axis=1) for kind in Relation if kind != Relation.DISJOINT])  # (4, n)
    kinds, rarest = (counts > 0).sum(axis=0), np.where(counts > 0, counts, len(part)).min(axis=0)
    anchor = int(np.lexsort((rarest, kinds))[-1])
    found: np.ndarray = relations[anchor]
    return anchor, found


def _first(part: Part, number: int) -> Part:
    return Part(part.features[:number], part.rows[:number], part.subjects[:number])


def _points(setting: Setting, seed: int, again: Train, number: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    embeddings = again(Cell(setting, seed)).judged_embeddings[:number]
    perplexity = min(30.0, max(1.0, number / 4))
    points: np.ndarray = TSNE(init="pca", random_state=0, perplexity=perplexity).fit_transform(embeddings)
    return points
