"""The cache of frozen states: keyed by all that they depend on, and safe against full disks and a second run."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from model.errors import UnwritableOutput
from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from model.network.windows import WindowedNote, window_notes
from tests.factories import NOTE, SHORT_NOTE
from training.optimise import frozen_states as module
from training.optimise.frozen_states import frozen_states

TINY = open_encoder("tiny")


def network(depth: int = 1) -> CodingNetwork:
    return CodingNetwork(TINY.backbone, 3, frozen_layers=depth)


def notes(*texts: str) -> list[WindowedNote]:
    return window_notes(TINY.tokenizer, texts or (NOTE, SHORT_NOTE), 16, 256)


def test_the_key_follows_everything_that_the_states_depend_on(tmp_path: Path) -> None:
    """Depth, precision, tokens, windows, weights, and settings that no weight shows."""
    tiny = network()
    keys = [
        module._key(tiny, notes()),
        module._key(network(2), notes()),
        module._key(tiny, notes(NOTE)),
        module._key(tiny, notes(SHORT_NOTE, NOTE)),
        module._key(tiny, window_notes(TINY.tokenizer, [NOTE, SHORT_NOTE], 32, 256)),
        module._key(CodingNetwork(TINY.backbone, 3, precision="bf16", frozen_layers=1), notes()),
        module._key(CodingNetwork(open_encoder("tiny").backbone, 3, frozen_layers=1), notes()),
    ]
    tiny.encoder.config.num_attention_heads = 4
    keys.append(module._key(tiny, notes()))
    tiny.encoder.config.num_attention_heads = 2
    assert len(set(keys)) == len(keys)
    assert module._key(network(), notes()) == keys[0]


def test_a_second_run_that_is_first_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs compute the same states at once: the later one reads those of the earlier."""
    compute = module._compute
    first: list[np.ndarray] = []

    def overtaken(*arguments: object) -> None:
        monkeypatch.setattr(module, "_compute", compute)
        first.append(np.array(frozen_states(network(), notes(), 0, tmp_path / "cache", "cpu").states))
        compute(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_compute", overtaken)
    states = frozen_states(network(), notes(), 0, tmp_path / "cache", "cpu")
    np.testing.assert_array_equal(states.states, first[0])
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_disk_that_fills_up_is_named_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is taken before the first layer runs; a map without it would kill the process."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UnwritableOutput, match="no room left"):
        frozen_states(network(), notes(), 0, tmp_path / "cache", "cpu")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_is_a_file_is_named(tmp_path: Path) -> None:
    """And left as it is."""
    (tmp_path / "cache").write_text("mine")
    with pytest.raises(UnwritableOutput, match="cache"):
        frozen_states(network(), notes(), 0, tmp_path / "cache", "cpu")
    assert (tmp_path / "cache").read_text() == "mine"
