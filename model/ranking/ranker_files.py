"""A ranker in a bundle's folder ``ranker/``: plain numbers in safetensors, names in JSON, codes in parquet.

ranker.json lists the fusions; each has a file FUSION.safetensors with its combiner and calibration. codes.parquet
holds the codes of the code set beyond the label space, where there are any; lexicon.*, titles.* and linear.* are the
lexical channels; code_vectors.safetensors the weights of the codes in the search for neighbours.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from model.code_vectors import CodeVectors
from model.errors import BundleDamaged, MalformedInput
from model.labels import LABELS_SCHEMA, Label, LabelSpace
from model.lexicon.lexical_channels import LexicalChannels
from model.lexicon.lexicon_files import (
    load_lexicon,
    load_linear,
    load_titles,
    save_lexicon,
    save_linear,
    save_titles,
)
from model.lexicon.siblings import Siblings
from model.ranking.calibration import calibration_arrays, calibration_of
from model.ranking.candidate_builder import CandidateBuilder, TextChannels
from model.ranking.combiner_arrays import combiner_arrays, combiner_of
from model.ranking.conformal import ConformalSet
from model.ranking.fusion import Fusion
from model.ranking.ranker import Ranker
from model.ranking.thresholds import GLOBAL, policy_from_json

FORMAT = "icd-coder ranker 2"
RANKER, CODES, CODE_VECTORS = "ranker.json", "codes.parquet", "code_vectors.safetensors"
WITHOUT, WITH = "without_neighbours", "with_neighbours"


def save_ranker(folder: Path, ranker: Ranker, num_labels: int) -> None:
    """Write a ranker's files into a bundle that is being made.

    Args:
        num_labels: size of the label space, which labels.parquet holds already.
    """
    fusions = {WITHOUT: ranker.without_neighbours}
    if ranker.with_neighbours is not None:
        fusions[WITH] = ranker.with_neighbours
    for name, fusion in fusions.items():
        arrays = {f"combiner.{key}": value for key, value in combiner_arrays(fusion.combiner).items()}
        arrays |= {f"calibration.{key}": value for key, value in calibration_arrays(fusion.calibration).items()}
        save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, folder / f"{name}.safetensors")
    if len(ranker.codes) > num_labels:
        pq.write_table(LabelSpace(ranker.codes.labels[num_labels:]).to_table(), folder / CODES)
    if ranker.lexical is not None:
        save_lexicon(folder, ranker.lexical.lexicon)
        save_titles(folder, ranker.lexical.titles)
        if ranker.lexical.linear is not None:
            save_linear(folder, ranker.lexical.linear)
    if ranker.code_vectors is not None:
        save_file({"weights": ranker.code_vectors.weights}, folder / CODE_VECTORS)
    described = {
        "format": FORMAT,
        "documents": ranker.candidate_builder.documents,
        "lexical": ranker.lexical is not None,
        "fusions": {name: _described(fusion) for name, fusion in fusions.items()},
    }
    if ranker.code_vectors is not None:
        described["code_share"] = ranker.code_vectors.code_share
    (folder / RANKER).write_text(json.dumps(described, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load_ranker(folder: Path, labels: LabelSpace, text_channels: TextChannels | None = None) -> Ranker:
    """The ranker of a bundle whose checksums were verified.

    Args:
        labels: the label space.
        text_channels: to read notes with instead of the lexical channels that the folder holds.

    Raises:
        BundleDamaged: a file is missing or does not fit the others.
    """
    try:
        described = json.loads((folder / RANKER).read_text(encoding="utf-8"))
        if described["format"] != FORMAT:
            raise MalformedInput(f"its format is '{described['format']}', this version reads '{FORMAT}'")
        fusions = {name: _fusion(folder, name, value) for name, value in described["fusions"].items()}
        codes = _code_set(folder, labels)
        if described["lexical"]:
            text_channels = _lexical(folder, codes)
        candidate_builder = CandidateBuilder(codes, int(described["documents"]), text_channels)
        vectors = _code_vectors(folder, described["code_share"], len(codes)) if "code_share" in described else None
        return Ranker(candidate_builder, fusions[WITHOUT], fusions.get(WITH), vectors)
    except (OSError, KeyError, TypeError, ValueError, SafetensorError, pa.ArrowException, MalformedInput) as error:
        raise BundleDamaged(f"'{folder}' holds no usable ranker: copy the bundle again, or fit it again") from error


def _lexical(folder: Path, codes: LabelSpace) -> LexicalChannels:
    lexicon = load_lexicon(folder)
    return LexicalChannels(lexicon, load_titles(folder), Siblings(codes.labels), load_linear(folder, lexicon))


def _described(fusion: Fusion) -> dict[str, Any]:
    return {
        "names": list(fusion.names),
        "combiner": fusion.combiner.kind,
        "calibration": fusion.calibration.method,
        "policies": [policy.to_json() for policy in fusion.policies],
        "conformal": [asdict(each) for each in fusion.conformal],
    }


def _fusion(folder: Path, name: str, described: dict[str, Any]) -> Fusion:
    arrays: dict[str, np.ndarray] = load_file(folder / f"{name}.safetensors")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise MalformedInput("its numbers hold a NaN or an infinity")
    names = tuple(described["names"])
    policies = tuple(policy_from_json(value) for value in described["policies"])
    if all(policy.name != GLOBAL for policy in policies):
        raise MalformedInput("it has no global threshold")
    return Fusion(
        names,
        combiner_of(described["combiner"], _part(arrays, "combiner."), len(names)),
        calibration_of(described["calibration"], _part(arrays, "calibration.")),
        policies,
        tuple(ConformalSet(**value) for value in described["conformal"]),
    )


def _code_vectors(folder: Path, code_share: float, columns: int) -> CodeVectors:
    weights: np.ndarray = load_file(folder / CODE_VECTORS)["weights"]
    if weights.shape != (columns,) or weights.dtype != np.float32 or not (weights > 0).all():
        raise MalformedInput("the weights of its codes are not one number above 0 for each code")
    if not 0 <= code_share <= 1:
        raise MalformedInput("the share of its codes in a similarity is not between 0 and 1")
    return CodeVectors(weights, float(code_share))


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _code_set(folder: Path, labels: LabelSpace) -> LabelSpace:
    if not (folder / CODES).is_file():
        return labels
    rows = pq.read_table(folder / CODES).select(LABELS_SCHEMA.names).cast(LABELS_SCHEMA).to_pylist()
    return LabelSpace((*labels.labels, *(Label(**row) for row in rows)))
