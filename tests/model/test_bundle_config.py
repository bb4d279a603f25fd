"""A bundle whose checksums fit and whose parts do not: each is damage, named, never a library's error."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.bundle import _files, _manifest_bytes, _sha256, load_bundle
from model.errors import BundleDamaged
from model.labels import LABELS_SCHEMA
from tests.factories import LABELS, save_tiny_bundle


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "whole"
    save_tiny_bundle(path)
    return path


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "bundle")


def sign(path: Path) -> None:
    """Make the checksums fit, as a careless tool would."""
    files = {name: _sha256(path / name) for name in _files(path)}
    (path / "manifest.json").write_bytes(_manifest_bytes(files))


def change(path: Path, **changes: Any) -> None:
    value = json.loads(path.read_text())
    path.write_text(json.dumps({name: entry for name, entry in {**value, **changes}.items() if entry is not None}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, None) for name in ("encoder", "head", "precision", "window", "max_tokens", "label_space")),
        ("embedding_id", 7),
        ("encoder", []),
        ("encoder", {}),
        ("encoder", {"model_type": "distilbert"}),
        ("encoder", {"model_type": "bert", "hidden_size": "x"}),
        ("encoder", {"model_type": "bert", "num_attention_heads": 0}),
        ("encoder", {"model_type": "bert", "hidden_act": "nope"}),
        ("head", "nope"),
        ("precision", "int8"),
        ("window", "16"),
        ("window", 2),
        ("window", 513),
        ("window", True),
        ("max_tokens", 0),
    ],
)
def test_a_wrong_field_of_the_configuration_is_named(bundle: Path, name: str, value: Any) -> None:
    """Missing, of another type, or out of range."""
    change(bundle / "config.json", **{name: value})
    sign(bundle)
    with pytest.raises(BundleDamaged, match=rf"config\.json' has no usable '{name}'"):
        load_bundle(bundle)


@pytest.mark.parametrize("content", ["[]", "7", "{", "", "[" * 100_000, b"\xff"])
@pytest.mark.parametrize("name", ["config.json", "ranker/thresholds.json", "card.json"])
def test_a_file_that_is_no_json_object_is_named(bundle: Path, name: str, content: str | bytes) -> None:
    """Valid JSON of another kind too."""
    (bundle / name).write_bytes(content.encode() if isinstance(content, str) else content)
    sign(bundle)
    with pytest.raises(BundleDamaged, match=name):
        load_bundle(bundle)


@pytest.mark.parametrize("content", ["[]", "7", '{"format": "icd-coder bundle 1"}'])
def test_a_manifest_of_another_kind_is_damage(bundle: Path, content: str) -> None:
    """It is read before anything is verified."""
    (bundle / "manifest.json").write_text(content)
    with pytest.raises(BundleDamaged, match=r"manifest\.json"):
        load_bundle(bundle)


@pytest.mark.parametrize("files", [["config.json"], None, 7])
def test_a_manifest_without_a_list_of_files_is_damage(bundle: Path, files: Any) -> None:
    """With a checksum that fits."""
    (bundle / "manifest.json").write_bytes(_manifest_bytes(files))
    with pytest.raises(BundleDamaged):
        load_bundle(bundle)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/hostname", "tokenizer/../../outside.json"])
def test_a_manifest_cannot_name_a_file_outside(bundle: Path, name: str) -> None:
    """Names are compared with what the folder holds and never opened."""
    (bundle.parent / "outside.json").write_text("{}")
    files = {found: _sha256(bundle / found) for found in _files(bundle)} | {name: "0" * 64}
    (bundle / "manifest.json").write_bytes(_manifest_bytes(files))
    with pytest.raises(BundleDamaged, match="lacks the file"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "threshold",
    [{}, {"value": "x", "tuned_on": "dev"}, {"value": 0.5}, {"value": float("nan"), "tuned_on": "dev"}, {"a": 1}],
)
def test_a_threshold_that_is_none_is_named(bundle: Path, threshold: dict[str, Any]) -> None:
    """Missing, no number, or with fields that nobody knows."""
    (bundle / "ranker" / "thresholds.json").write_text(json.dumps(threshold))
    sign(bundle)
    with pytest.raises(BundleDamaged, match=r"thresholds\.json"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: table.drop_columns(["title"]),
        lambda table: table.set_column(3, "count_train", pa.array(["x"] * len(table))),
        lambda table: table.set_column(1, "code", pa.nulls(len(table), pa.string())),
        lambda table: pa.concat_tables([table, table]),
    ],
    ids=["no title", "counts are words", "no codes", "codes twice"],
)
def test_labels_of_another_shape_are_named(bundle: Path, damage: Callable[[pa.Table], pa.Table]) -> None:
    """A column that is missing, of another type, empty, or repeated."""
    table = LABELS.to_table()
    assert table.schema == LABELS_SCHEMA
    pq.write_table(damage(table), bundle / "labels.parquet")
    sign(bundle)
    with pytest.raises(BundleDamaged, match=r"labels\.parquet"):
        load_bundle(bundle)


def test_a_bundle_without_its_tokenizer_is_damage(bundle: Path) -> None:
    """Even when the manifest does not miss it."""
    shutil.rmtree(bundle / "tokenizer")
    sign(bundle)
    with pytest.raises(BundleDamaged, match="tokenizer"):
        load_bundle(bundle)
