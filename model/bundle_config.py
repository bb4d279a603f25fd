"""A bundle's config.json: parsed and checked once, with an error that names the wrong field."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_origin

from model.errors import BundleDamaged
from model.network.document_embedding import MEAN, POOLINGS
from model.network.encoder import FAMILIES, longest_window
from model.network.encoder_source import backbone_from_config
from model.network.label_attention import LABEL_ATTENTIONS
from model.network.precision import NETWORK_PRECISIONS


@dataclass(frozen=True)
class BundleConfig:
    """Fields of config.json that loading needs; each has its name there."""

    encoder: dict[str, Any]
    """The backbone's configuration, as transformers writes it."""
    head: str
    precision: str
    window: int
    max_tokens: int
    label_space: str
    embedding_id: str
    ranker: bool = False
    """The bundle has a ranker; bundles made before there was one have no such field."""
    pooling: str = MEAN
    """What the document embedding reads; bundles made before there was a choice have no such field."""


def parse_config(path: Path, value: dict[str, Any]) -> BundleConfig:
    """The configuration in ``value``, which was read from ``path``.

    Raises:
        BundleDamaged: a field is missing, of another type, or out of range.
    """
    value = {"ranker": False, "pooling": MEAN, **value}
    for field in fields(BundleConfig):
        kind = get_origin(field.type) or field.type
        if type(value.get(field.name)) is not kind:
            raise _damaged(path, field.name)
    config = BundleConfig(**{field.name: value[field.name] for field in fields(BundleConfig)})
    if config.head not in LABEL_ATTENTIONS:
        raise _damaged(path, "head")
    if config.precision not in NETWORK_PRECISIONS:
        raise _damaged(path, "precision")
    if config.pooling not in POOLINGS:
        raise _damaged(path, "pooling")
    if config.window < 3:  # two special tokens and one of the note
        raise _damaged(path, "window")
    if config.max_tokens < 1:
        raise _damaged(path, "max_tokens")
    return config


def backbone_of(path: Path, config: BundleConfig) -> Any:
    """The backbone in the shape of the configuration, with random weights.

    Raises:
        BundleDamaged: no BERT or RoBERTa has this configuration, or it cannot read the bundle's windows.
    """
    if config.encoder.get("model_type") not in FAMILIES:
        raise _damaged(path, "encoder")
    try:
        backbone = backbone_from_config(config.encoder)
    except Exception as error:  # transformers checks nothing first: a wrong setting fails wherever it is used
        raise _damaged(path, "encoder") from error
    if config.window > longest_window(backbone.config):
        raise _damaged(path, "window")
    return backbone


def _damaged(path: Path, name: str) -> BundleDamaged:
    return BundleDamaged(f"'{path}' has no usable '{name}': copy the bundle again, or train it again")
