"""The bundle directory: everything a coder needs, with a checksum for every file.

An immutable folder: model.safetensors, config.json, tokenizer/, labels.parquet, ranker/ (thresholds, and where they
were fitted a ranker, the words of training and the kind of its notes), card.json, README.md, openvino/ where an int8
encoder was exported, and manifest.json, which names each of them with its SHA-256. Nothing in it is ever unpickled.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from model.atomic_output import staged_directory
from model.bundle_config import BundleConfig, backbone_of, parse_config
from model.coder import Coder
from model.errors import BundleDamaged, MalformedInput, MissingInput, UnwritableOutput
from model.labels import LABELS_SCHEMA, LabelSpace
from model.network.document_embedding import CODES, MEAN
from model.network.encoder_source import load_tokenizer
from model.network.int8_encoder import FOLDER as INT8_FOLDER
from model.network.int8_encoder import Int8Encoder, has_int8_encoder, open_int8_encoder
from model.network.network import CodingNetwork
from model.network.precision import RECORDED, network_precision, served_precision
from model.ranking.ranker import Ranker
from model.ranking.ranker_files import load_ranker, save_ranker
from model.ranking.thresholds import GLOBAL, GlobalThreshold, ThresholdPolicy, policy_from_json, policy_named
from model.text.known_words import KnownWords, load_known_words, save_known_words
from model.text.note_kind import NoteKind, load_note_kind, save_note_kind

FORMAT = "icd-coder bundle 1"
EMBEDDING_PARTS = {
    MEAN: ("encoder.", "document_embedding."),
    CODES: ("encoder.", "document_embedding.", "label_attention."),
}
"""Weights that an embedding depends on, by what it reads."""
NOT_COUNTED = {
    "least_patients": None,
    "note": "made by a version that counted notes: words of a single patient may be readable in the bundle",
}
"""Entry in the card of such a bundle."""


@dataclass(frozen=True)
class BundleContents:
    """What training hands over. ``network`` is saved whole; ``card`` is what was measured."""

    network: CodingNetwork
    tokenizer: Any
    labels: LabelSpace
    threshold: GlobalThreshold
    head: str
    encoder_name: str
    window: int
    max_tokens: int
    card: dict[str, Any]
    readme: str
    policies: tuple[ThresholdPolicy, ...] = ()
    """Further ways to choose thresholds, each with the precision and recall to expect."""
    ranker: Ranker | None = None
    known_words: KnownWords | None = None
    note_kind: NoteKind | None = None


def save_bundle(path: Path, contents: BundleContents) -> str:
    """Write a bundle directory, whole or not at all, and return its bundle_id.

    Raises:
        OutputExists, UnwritableOutput: see :func:`model.atomic_output.staged_directory`.
    """
    with staged_directory(path) as staging:
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in contents.network.state_dict().items()}
        _write_weights(staging / "model.safetensors", state)
        contents.tokenizer.save_pretrained(staging / "tokenizer")
        pq.write_table(contents.labels.to_table(), staging / "labels.parquet")
        (staging / "ranker").mkdir()
        policies = [policy.to_json() for policy in contents.policies]
        _write_json(staging / "ranker" / "thresholds.json", asdict(contents.threshold) | {"policies": policies})
        if contents.ranker is not None:
            save_ranker(staging / "ranker", contents.ranker, len(contents.labels))
        if contents.known_words is not None:
            save_known_words(staging / "ranker", contents.known_words)
        if contents.note_kind is not None:
            save_note_kind(staging / "ranker", contents.note_kind)
        _write_json(staging / "config.json", _config(contents, state))
        _write_json(staging / "card.json", contents.card)
        (staging / "README.md").write_text(contents.readme, encoding="utf-8")
        return sign_bundle(staging)


def sign_bundle(folder: Path) -> str:
    """Write the manifest over all files of a bundle that is being made, and return its bundle_id."""
    files = {name: _sha256(folder / name) for name in _files(folder)}
    least = _read_json(folder / "card.json").get("words", {}).get("least_patients")
    (folder / "manifest.json").write_bytes(_manifest_bytes(files, least))
    return _sha256(folder / "manifest.json")


def load_bundle(
    path: str | Path, device: str = "cpu", precision: str = RECORDED, threads: int = 0, with_ranker: bool = True
) -> Coder:
    """Verify every file of a bundle and open it.

    Args:
        precision: auto, fp32, bf16, int8, or ``recorded``: the one that training wrote down.
        threads: of an int8 encoder; 0 for as many as torch has.
        with_ranker: False for the classifier alone, with its own thresholds.

    Raises:
        MissingInput: there is no bundle at ``path``, or no OpenVINO for its int8 encoder.
        InvalidOption: the bundle cannot answer in this precision.
        BundleDamaged: a file is missing, extra, or differs from the manifest, or the parts do not fit together.
    """
    path = Path(path)
    verify_bundle(path)
    config = parse_config(path / "config.json", _read_json(path / "config.json"))
    chosen = served_precision(precision, config.precision, has_int8_encoder(path), device)
    labels = _read_labels(path / "labels.parquet")
    if labels.fingerprint != config.label_space:
        raise BundleDamaged(f"'{path}' has labels of another label space than its config.json: train it again")
    network = CodingNetwork(
        backbone_of(path / "config.json", config),
        len(labels),
        config.head,
        _network_precision(config, chosen),
        pooling=config.pooling,
    )
    _load_weights(network, path / "model.safetensors")
    tokenizer = _read_tokenizer(path / "tokenizer", network)
    threshold, policies = _read_thresholds(path / "ranker" / "thresholds.json")
    ranker = load_ranker(path / "ranker", labels) if config.ranker and with_ranker else None
    int8 = _open_int8(path, network, threads) if chosen == "int8" else None
    return Coder(
        network=network.to(device).eval() if int8 is None else network.eval(),
        tokenizer=tokenizer,
        labels=labels,
        threshold=threshold if ranker is None else _of_ranker(threshold, ranker),
        policies=policies if ranker is None else ranker.without_neighbours.policies,
        ranker=ranker,
        known_words=load_known_words(path / "ranker"),
        note_kind=load_note_kind(path / "ranker", network.encoder.hidden_size),
        window=config.window,
        max_tokens=config.max_tokens,
        bundle_id=_sha256(path / "manifest.json"),
        embedding_id=_served_embedding_id(path, config, chosen),
        card={"words": NOT_COUNTED} | _read_json(path / "card.json"),
        device=device,
        precision=chosen,
        int8_encoder=int8,
    )


def _of_ranker(threshold: GlobalThreshold, ranker: Ranker) -> GlobalThreshold:
    """The ranker's probabilities are others than the classifier's."""
    return replace(threshold, value=policy_named(ranker.without_neighbours.policies, GLOBAL).everywhere)


def _open_int8(path: Path, network: CodingNetwork, threads: int) -> Int8Encoder:
    encoder = open_int8_encoder(path, network.encoder.hidden_size, threads)
    network.encoder.to("meta")  # frees its weights: nothing runs it
    return encoder


def _network_precision(config: BundleConfig, chosen: str) -> str:
    """Beside an int8 encoder the CPU decides, but not where the embedding reads what the network computes."""
    return "fp32" if chosen == "int8" and config.pooling == CODES else network_precision(chosen)


def _served_embedding_id(path: Path, config: BundleConfig, precision: str) -> str:
    """The recorded id covers the recorded precision; any other precision makes other embeddings."""
    if precision == config.precision:
        return config.embedding_id
    digest = hashlib.sha256(f"{config.embedding_id} {precision}".encode())
    if precision == "int8":
        for name in _files(path / INT8_FOLDER):
            digest.update(f"\n{name} {_sha256(path / INT8_FOLDER / name)}".encode())
    return digest.hexdigest()


def verify_bundle(path: Path) -> None:
    """Raise unless the folder holds just the files of its manifest, byte for byte."""
    if not (path / "manifest.json").is_file():
        raise MissingInput(f"'{path}' is no bundle (manifest.json is missing): make one with `icd-coder train`")
    manifest = _read_json(path / "manifest.json")
    if manifest.get("format") != FORMAT:
        raise BundleDamaged(
            f"'{path}' has the format '{manifest.get('format')}', this version reads '{FORMAT}': train it again"
        )
    expected: dict[str, str] = manifest.get("files", {})
    least = manifest.get("least_patients")
    if not isinstance(expected, dict) or (path / "manifest.json").read_bytes() != _manifest_bytes(expected, least):
        raise BundleDamaged(f"the file 'manifest.json' of '{path}' was changed: copy the bundle again")
    present = set(_files(path))
    for name in sorted(set(expected) | present):
        if name not in present:
            raise BundleDamaged(f"'{path}' lacks the file '{name}': copy the bundle again")
        if name not in expected:
            raise BundleDamaged(f"'{path}' holds the file '{name}', which is not in its manifest: remove it")
        if _sha256(path / name) != expected[name]:
            raise BundleDamaged(f"the file '{name}' of '{path}' differs from its checksum: copy the bundle again")


def identify_bundle(path: Path) -> str:
    """The bundle_id of a folder of which every file was verified.

    Raises:
        MissingInput, BundleDamaged: as :func:`load_bundle`.
    """
    verify_bundle(path)
    return _sha256(path / "manifest.json")


def _manifest_bytes(files: dict[str, str], least_patients: int | None = None) -> bytes:
    """The one spelling of a manifest, which carries a checksum of itself: any other byte in it is damage.

    Args:
        least_patients: the card's, None in bundles of earlier versions.
    """
    listing = json.dumps(files, sort_keys=True)
    counted = {} if least_patients is None else {"least_patients": least_patients}
    told = "".join(f"\n{name} {value}" for name, value in counted.items())
    checksum = hashlib.sha256(f"{FORMAT}\n{listing}{told}".encode()).hexdigest()
    return _json_bytes({"format": FORMAT, "files": files, "checksum": checksum} | counted)


def _config(contents: BundleContents, state: dict[str, torch.Tensor]) -> dict[str, Any]:
    encoder_config = contents.network.encoder.config.to_dict()
    return {
        "encoder": {name: value for name, value in encoder_config.items() if not name.startswith("_")},
        "encoder_name": contents.encoder_name,
        "head": contents.head,
        "precision": contents.network.precision,
        "pooling": contents.network.pooling,
        "window": contents.window,
        "max_tokens": contents.max_tokens,
        "label_space": contents.labels.fingerprint,
        "ranker": contents.ranker is not None,
        "embedding_id": _embedding_id(contents, state),
    }


def _embedding_id(contents: BundleContents, state: dict[str, torch.Tensor]) -> str:
    """Hash of all that the stored vectors of a note depend on.

    The embedding: encoder, embedding projection, tokenizer, windows, precision; label attention too where the
    embedding reads the codes. The code vector: the code set and its weights.
    """
    digest = hashlib.sha256()
    digest.update(f"{contents.network.encoder.arithmetic}\n".encode())
    digest.update(f"{contents.window} {contents.max_tokens} {contents.network.precision}\n".encode())
    digest.update(contents.tokenizer.backend_tokenizer.to_str().encode())
    for name in sorted(state):
        if name.startswith(EMBEDDING_PARTS[contents.network.pooling]):
            tensor = state[name].contiguous()
            digest.update(f"\n{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            digest.update(tensor.view(torch.uint8).numpy().tobytes())
    ranker = contents.ranker
    if ranker is not None and ranker.code_vectors is not None:
        digest.update(f"\ncodes {ranker.codes.fingerprint}\n".encode())
        digest.update(ranker.code_vectors.weights.tobytes())
    return digest.hexdigest()


def _load_weights(network: CodingNetwork, path: Path) -> None:
    try:
        state = load_file(path)
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise BundleDamaged(f"the weights in '{path}' do not fit config.json: train the bundle again") from error
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BundleDamaged(
                f"the weights in '{path}' hold a NaN or an infinity in '{name}': train the bundle again"
            )


def _files(path: Path) -> list[str]:
    names = (file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    return sorted(name for name in names if name != "manifest.json")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_weights(path: Path, state: dict[str, torch.Tensor]) -> None:
    try:
        save_file(state, path, metadata={"format": "pt"})
    except SafetensorError as error:  # its own class for a full disk too
        raise UnwritableOutput(
            f"the weights cannot be written to '{path.parent.parent}' ({error}): free some room"
        ) from error


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_bytes(_json_bytes(value))


def _json_bytes(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleDamaged(f"'{path}' cannot be read as JSON: copy the bundle again") from error
    if not isinstance(value, dict):
        raise BundleDamaged(f"'{path}' holds no JSON object: copy the bundle again")
    return value


def _read_labels(path: Path) -> LabelSpace:
    try:
        table = pq.read_table(path).select(LABELS_SCHEMA.names).cast(LABELS_SCHEMA)
        if any(column.null_count for column in table.columns):
            raise MalformedInput("a cell is empty")
        return LabelSpace.from_table(table)
    except (OSError, KeyError, ValueError, pa.ArrowException, MalformedInput) as error:
        raise BundleDamaged(f"'{path}' cannot be read as a list of labels: copy the bundle again") from error


def _read_tokenizer(path: Path, network: CodingNetwork) -> Any:
    try:
        tokenizer = load_tokenizer(path)
    except MissingInput as error:
        raise BundleDamaged(f"'{path}' holds no usable tokenizer: copy the bundle again") from error
    if len(tokenizer) > network.encoder.config.vocab_size:
        raise BundleDamaged(f"'{path}' has more tokens than the encoder: train the bundle again")
    return tokenizer


def _read_thresholds(path: Path) -> tuple[GlobalThreshold, tuple[ThresholdPolicy, ...]]:
    """The global threshold, and the policies beside it: bundles made before there were any have none."""
    value = _read_json(path)
    try:
        policies = tuple(policy_from_json(policy) for policy in value.pop("policies", []))
        threshold = GlobalThreshold(**value)
    except (TypeError, MalformedInput) as error:
        raise BundleDamaged(f"'{path}' is no list of thresholds: copy the bundle again") from error
    if not isinstance(threshold.value, int | float) or not math.isfinite(threshold.value):
        raise BundleDamaged(f"'{path}' has the threshold '{threshold.value}', which is no number: train it again")
    return threshold, policies
