"""The int8 encoder at work, and what is said when it cannot be."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from model.bundle import load_bundle, sign_bundle, verify_bundle
from model.coder import Coder
from model.errors import BundleDamaged, InvalidOption, MissingInput
from model.network.windows import WindowedNote, window_notes
from tests.factories import NOTE, SHORT_NOTE, save_tiny_bundle

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def coder(int8_bundle: Path) -> Coder:
    return load_bundle(int8_bundle, precision="int8", threads=1)


def windowed(coder: Coder, text: str) -> WindowedNote:
    return window_notes(coder.tokenizer, [text], coder.window, coder.max_tokens)[0]


def test_windows_that_run_together_are_those_that_run_alone(coder: Coder) -> None:
    """Windows of two lengths, in the order of the note; the twin runs one after the other."""
    assert coder.int8_encoder is not None
    note = windowed(coder, NOTE)
    assert len(set(note.lengths.tolist())) == 2
    ends = np.cumsum(note.lengths)
    alone = [
        coder.int8_encoder.token_states(WindowedNote(note.ids[end - size : end], note.offsets, np.array([size]), 1, 1))
        for end, size in zip(ends, note.lengths, strict=True)
    ]
    torch.testing.assert_close(coder.int8_encoder.token_states(note), torch.cat(alone, dim=1), rtol=0, atol=1e-4)


def test_int8_states_are_near_those_of_the_network(coder: Coder, int8_bundle: Path) -> None:
    """Every token's direction, its embedding's, and every probability."""
    exact = load_bundle(int8_bundle, precision="fp32")
    for text in (NOTE, SHORT_NOTE):
        ours, theirs = coder.score(text), exact.score(text)
        assert torch.cosine_similarity(ours.states, theirs.states).min() > 0.99
        assert ours.embedding @ theirs.embedding > 0.999
        assert np.linalg.norm(ours.embedding) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=0.1)


def test_an_answer_says_what_it_was_made_with(coder: Coder, int8_bundle: Path) -> None:
    """And has evidence as any other."""
    result = coder.predict([NOTE])[0]
    assert result.precision == coder.precision == "int8"
    assert any(code.evidence for code in result.codes)
    assert load_bundle(int8_bundle, precision="bf16").predict([SHORT_NOTE])[0].precision == "bf16"


def test_every_precision_has_an_embedding_id_of_its_own(int8_bundle: Path) -> None:
    """That of the precision in which it was trained stays, in the exported bundle too."""
    plain = int8_bundle.parent / "plain"
    ids = {
        precision: load_bundle(int8_bundle, precision=precision).embedding_id for precision in ("fp32", "bf16", "int8")
    }
    assert len(set(ids.values())) == 3
    assert ids["fp32"] == load_bundle(plain).embedding_id == load_bundle(int8_bundle).embedding_id
    assert ids["bf16"] == load_bundle(plain, precision="bf16").embedding_id
    assert ids["int8"] == load_bundle(int8_bundle, precision="auto").embedding_id


def test_int8_holds_no_second_encoder_in_memory(coder: Coder) -> None:
    """The weights in floating point are four times as large."""
    assert all(weight.is_meta for weight in coder.network.encoder.parameters())
    assert coder.embedding_dim == 32


def test_a_plain_bundle_has_no_int8(tmp_path: Path) -> None:
    """The sentence names the command that makes one."""
    save_tiny_bundle(tmp_path / "plain")
    with pytest.raises(InvalidOption, match="icd-coder export --bundle BUNDLE --format openvino"):
        load_bundle(tmp_path / "plain", precision="int8")


def test_int8_without_openvino_names_the_extra(int8_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the other precisions still answer."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingInput, match=r"icd-coder\[openvino\].*--precision bf16"):
        load_bundle(int8_bundle, precision="auto")
    assert load_bundle(int8_bundle, precision="fp32").predict([SHORT_NOTE])[0].codes


@pytest.mark.parametrize("name", ["encoder.xml", "encoder.bin"])
def test_a_damaged_int8_encoder_is_refused(int8_bundle: Path, tmp_path: Path, name: str) -> None:
    """By its checksum; and where the checksum was made over it, when it cannot be opened."""
    copy = Path(shutil.copytree(int8_bundle, tmp_path / "copy"))
    (copy / "openvino" / name).write_bytes((copy / "openvino" / name).read_bytes()[:100])
    with pytest.raises(BundleDamaged, match=name):
        verify_bundle(copy)
    sign_bundle(copy)
    with pytest.raises(BundleDamaged, match="export the bundle again"):
        load_bundle(copy, precision="int8")


def test_int8_reports_its_use_to_nobody(int8_bundle: Path) -> None:
    """OpenVINO's converter and NNCF would send events; here a connection would end the process."""
    code = (
        "import sys, socket, subprocess, multiprocessing\n"
        "def refuse(*_, **__): print('CONNECTS', flush=True); sys.exit(3)\n"
        "socket.socket.connect = socket.getaddrinfo = subprocess.Popen.__init__ = refuse\n"
        "from pathlib import Path\n"
        "from training.export.openvino_bundle import export_openvino\n"
        "from model.bundle import load_bundle\n"
        "folder = Path(sys.argv[1])\n"
        "export_openvino(folder / 'plain', None, Path(sys.argv[2]))\n"
        "load_bundle(sys.argv[2], precision='int8').predict(['Invented note.'])\n"
        "import nncf.telemetry\n"
        "assert 'openvino_telemetry.main' not in sys.modules\n"
        "assert type(nncf.telemetry.telemetry).__name__ == 'MagicMock'\n"
    )
    command = [sys.executable, "-c", code, str(int8_bundle.parent), str(int8_bundle.parent / "silent")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CONNECTS" not in done.stdout
