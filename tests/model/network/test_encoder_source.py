"""An encoder folder is read whole and without unpickling, or refused by name."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.errors import IcdCoderError, MalformedInput, MissingInput
from model.network.encoder_source import load_tokenizer, open_encoder
from tests.factories import write_tiny_roberta


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_roberta(tmp_path / "encoder")


def change_json(path: Path, **changes: object) -> None:
    value = json.loads(path.read_text())
    value = {name: entry for name, entry in {**value, **changes}.items() if entry is not None}
    path.write_text(json.dumps(value))


def test_a_pickle_is_never_opened(folder: Path) -> None:
    """pytorch_model.bin alone is refused with the way out."""
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingInput, match=r"pickle.*model\.safetensors"):
        open_encoder(str(folder))


def test_missing_tensors_are_not_filled_with_random_numbers(folder: Path) -> None:
    """A layer that the file lacks is named."""
    state = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in state.items() if "layer.1." not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(MalformedInput, match=r"lack 16 tensors.*layer\.1\."):
        open_encoder(str(folder))


def test_a_folder_without_tokenizer_gets_none_made_up(folder: Path) -> None:
    """transformers makes one of five special tokens, to which every word is unknown."""
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(MissingInput, match=r"tokenizer\.json"):
        open_encoder(str(folder))


@pytest.mark.parametrize("content", ["{", '{"x": 1}', '{"added_tokens": []}', "[]"])
def test_a_damaged_tokenizer_is_named(folder: Path, content: str) -> None:
    """Whatever the library raises on it."""
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(MissingInput, match="no tokenizer can be read"):
        open_encoder(str(folder))


@pytest.mark.parametrize("kind", ["cls", "sep", "pad"])
def test_a_tokenizer_without_a_special_token_is_refused(folder: Path, kind: str) -> None:
    """Windows need all three."""
    change_json(folder / "tokenizer_config.json", **{f"{kind}_token": None})
    with pytest.raises(MissingInput, match=f"no {kind} token"):
        open_encoder(str(folder))


def test_a_tokenizer_of_another_encoder_is_refused(folder: Path) -> None:
    """Its ids would lie beyond the embeddings."""
    open_encoder("tiny").tokenizer.save_pretrained(folder)
    with pytest.raises(MalformedInput, match=r"30522 tokens and the encoder 400"):
        open_encoder(str(folder))


@pytest.mark.parametrize(
    "changes",
    [{"vocab_size": 10}, {"hidden_size": "x"}, {"hidden_act": "nope"}, {"num_attention_heads": 0}, {"model_type": 5}],
)
def test_a_wrong_configuration_is_one_sentence(folder: Path, changes: dict[str, object]) -> None:
    """Never the library's own error."""
    change_json(folder / "config.json", **changes)
    with pytest.raises(IcdCoderError, match=r"config\.json"):
        open_encoder(str(folder))


def test_cut_weights_are_one_sentence(folder: Path) -> None:
    """A download that broke off."""
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(MalformedInput, match="damaged"):
        open_encoder(str(folder))


def test_code_in_a_folder_is_never_run_nor_asked_about(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """auto_map names Python files: transformers would ask on standard input."""
    change_json(folder / "config.json", model_type="foo", auto_map={"AutoModel": "own.M", "AutoConfig": "own.C"})
    (folder / "own.py").write_text("raise SystemExit('was run')")
    with pytest.raises(MissingInput):
        open_encoder(str(folder))
    assert "[y/N]" not in capsys.readouterr().out


def test_using_a_tokenizer_does_not_change_it() -> None:
    """The file's truncation and padding are dropped at loading, so the first call resets nothing."""
    tokenizer = open_encoder("tiny").tokenizer
    before = tokenizer.backend_tokenizer.to_str()
    assert json.loads(before)["truncation"] is None
    tokenizer("words of a note", truncation=False)
    assert tokenizer.backend_tokenizer.to_str() == before


def test_a_saved_tokenizer_comes_back_the_same(folder: Path, tmp_path: Path) -> None:
    """What embedding_id hashes survives a bundle."""
    tokenizer = load_tokenizer(folder)
    tokenizer.save_pretrained(tmp_path / "saved")
    assert load_tokenizer(tmp_path / "saved").backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
