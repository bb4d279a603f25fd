"""The edge: an error that a user can mend is one line on standard error and exit code 2, without a traceback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import icd_coder
from model.bundle import load_bundle
from tests.factories import save_tiny_bundle, write_tiny_dataset


def run(*arguments: object, text: str | None = None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "icd_coder", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=text, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, a bundle that fits it not, and room."""
    folder = tmp_path_factory.mktemp("edge")
    write_tiny_dataset(folder / "data", codes=4)
    save_tiny_bundle(folder / "bundle")
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--data", "{f}/none", "--out", "{f}/out"], "icd-coder prepare"),
        (["train", "--data", "{f}/data", "--encoder", "tiny", "--loss", "x", "--out", "{f}/out"], "--loss"),
        (["train", "--data", "{f}/data", "--encoder", "tiny", "--device", "cuda:0", "--out", "{f}/out"], "cuda"),
        (["train", "--data", "{f}/data", "--encoder", "tiny", "--out", "{f}/data"], "choose another --out"),
        (["train", "--data", "{f}/data", "--encoder", "tiny", "--out", "/dev/null/out"], "/dev/null"),
        (["evaluate", "--bundle", "{f}/none", "--data", "{f}/data", "--out", "{f}/out"], "icd-coder train"),
        (["evaluate", "--bundle", "{f}/bundle", "--data", "{f}/data", "--out", "{f}/out"], "codes"),
        (["evaluate", "--bundle", "{f}/bundle", "--data", "{f}/data", "--split", "x", "--out", "{f}/out"], "'x'"),
        (
            ["retrieval", "--bundle", "{f}/bundle", "--data", "{f}/data", "--split", "train", "--out", "{f}/out"],
            "'train'",
        ),
        (["retrieval", "--bundle", "{f}/none", "--data", "{f}/data", "--out", "{f}/out"], "icd-coder train"),
        (["retrieval", "--bundle", "{f}/bundle", "--data", "{f}/none", "--out", "{f}/out"], "icd-coder prepare"),
        (["prepare", "mimic3", "--source", "{f}/none", "--out", "{f}/out"], "none"),
        (["synth", "mimic3", "--admissions", "0", "--out", "{f}/out"], "--admissions"),
        (["code", "--bundle", "{f}/bundle", "{f}/none.txt"], "none.txt"),
        (["index", "--bundle", "{f}/bundle", "--data", "{f}/none"], "icd-coder prepare"),
        (["serve", "--bundle", "{f}/bundle", "--no-auth", "--host", "0.0.0.0"], "loopback"),
        (["serve", "--bundle", "{f}/bundle", "--port", "0"], "--no-auth"),
        (["serve", "--bundle", "{f}/bundle", "--port", "0", "--no-auth", "--device", "cuda:99"], "--device cpu"),
        (["index", "--bundle", "{f}/bundle", "--data", "{f}/data", "--device", "quantum"], "'quantum'"),
        (["index", "--bundle", "{f}/bundle", "--data", "{f}/data", "--precision", "int8"], "icd-coder export"),
        (["serve", "--bundle", "{f}/bundle", "--port", "0", "--no-auth", "--precision", "int8"], "icd-coder export"),
        (["serve", "--bundle", "{f}/bundle", "--port", "0", "--no-auth", "--precision", "fp8"], "'fp8'"),
        (["evaluate", "--bundle", "{f}/bundle", "--data", "{f}/data", "--precision", "x", "--out", "{f}/out"], "'x'"),
        (["export", "--bundle", "{f}/none", "--format", "openvino", "--out", "{f}/out"], "icd-coder train"),
        (["export", "--bundle", "{f}/bundle", "--format", "onnx", "--out", "{f}/out"], "'onnx'"),
        (
            ["export", "--bundle", "{f}/bundle", "--format", "openvino", "--calibration", "{f}/x", "--out", "{f}/out"],
            "icd-coder prepare",
        ),
        (["export", "--bundle", "{f}/bundle", "--format", "openvino", "--out", "{f}/data"], "choose another --out"),
        (["migrate", "--database", "sqlite:///{f}/x.sqlite3?mode=ro"], "options"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    folder: Path,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The value and the next step are named, and nothing half written stays."""
    before = sorted(folder.iterdir())
    monkeypatch.setattr(sys, "argv", ["icd-coder", *(word.replace("{f}", str(folder)) for word in arguments)])
    with pytest.raises(SystemExit) as stopped:
        icd_coder.main()
    assert stopped.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("icd-coder: ")
    assert said in last
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["prepare", "table", "--source", "a", "--source", "b"], "--source"),
        (["train", "--epochs", "1", "--seed", "2", "--epochs=3"], "--epochs"),
        (["train", "--ranker", "--no-ranker"], "--ranker/--no-ranker"),
        (["keys", "create", "--name", "a", "--name", "b"], "--name"),
        (["serve", "--bundle", "a", "--bundle", "b"], "--bundle"),
    ],
)
def test_an_option_given_twice_is_refused(
    arguments: list[str], named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In every verb: one of the two values would be lost without a word."""
    monkeypatch.setattr(sys, "argv", ["icd-coder", *arguments])
    with pytest.raises(SystemExit) as stopped:
        icd_coder.main()
    assert stopped.value.code == 2
    assert f"{named} is given twice" in capsys.readouterr().err


def test_every_option_of_every_verb_may_be_given_once() -> None:
    """Options that are repeatable and flags without a negative form are the exceptions."""
    group = icd_coder.typer.main.get_group(icd_coder.root)
    commands = [group.get_command(None, name) for name in icd_coder.VERBS]
    for command in commands:
        commands.extend(getattr(command, "commands", {}).values())
    for command in commands:
        for option in (one for one in command.params if one.param_type_name == "option" and one.nargs == 1):
            words = [option.opts[0]] if option.is_flag else [option.opts[0], "x"]
            said = ""
            try:
                command.make_context(command.name, [*words, *words])
            except Exception as error:  # noqa: BLE001 - other options are missing, or "x" is no number
                said = str(error)
            lonely_flag = option.is_flag and not option.secondary_opts
            assert ("given twice" in said) == (not option.multiple and not lonely_flag), option.opts


def test_no_verb_shows_the_help() -> None:
    """As --help does."""
    done = run()
    assert done.returncode == 0
    assert done.stdout == run("--help").stdout
    assert "icd-coder demo" in done.stdout


@pytest.mark.parametrize("output", [pytest.param("table", marks=pytest.mark.acceptance), "jsonl"])
def test_an_output_without_room_is_one_line(folder: Path, output: str) -> None:
    """A full disk under the redirected output."""
    note = folder / "note.txt"
    note.write_text("Invented note: heart failure.")
    words = ["code", "--bundle", str(folder / "bundle"), "--format", output, str(note)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "icd_coder", *words], stdout=full, stderr=subprocess.PIPE, check=False, timeout=120
        )
    note.unlink()
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1
    assert "No space left" in done.stderr.decode()


@pytest.mark.parametrize("output", ["table", pytest.param("jsonl", marks=pytest.mark.acceptance)])
def test_a_terminal_without_the_letters_gets_the_answer(folder: Path, output: str) -> None:
    """No UnicodeEncodeError, and JSON stays JSON."""
    words = ["code", "--bundle", str(folder / "bundle"), "--format", output, "-"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    text = "Gruß 🫀\u2028 Ω Herz"
    done = subprocess.run(
        [sys.executable, "-m", "icd_coder", *words],
        input=text.encode(),
        capture_output=True,
        check=False,
        timeout=120,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    if output == "jsonl":
        assert done.stdout.count(b"\n") == 1
        spans = [span for code in json.loads(done.stdout)["codes"] for span in code["evidence"]]
        assert spans
        assert all(text[span["start"] : span["end"]] == span["text"] for span in spans)


def test_a_termination_leaves_no_half_written_dataset(tmp_path: Path) -> None:
    """`kill`, or the stop of a container, while the output is being written."""
    rows = "".join(f"Invented note {number}. {'fever ' * 40},I10\n" for number in range(60_000))
    (tmp_path / "notes.csv").write_text(f"note,icd\n{rows}")
    words = ["prepare", "table", "--source", "notes.csv", "--text", "note", "--codes", "icd", "--out", "out"]
    process = subprocess.Popen([sys.executable, "-m", "icd_coder", *words], cwd=tmp_path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.partial-*/*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    seen = process.communicate(timeout=60)[1]
    assert process.returncode == 143, seen
    assert b"Traceback" not in seen
    assert [path.name for path in tmp_path.iterdir()] == ["notes.csv"]


def test_ctrl_c_stops_training_and_leaves_the_last_checkpoint_usable(tmp_path: Path) -> None:
    """Interrupted after its first checkpoint, the same command with --resume ends with a bundle."""
    data = write_tiny_dataset(tmp_path / "data", number=60)
    arguments = ["train", "--data", data, "--encoder", "tiny", "--precision", "fp32", "--batch-size", "4"]
    arguments += ["--epochs", "6", "--patience", "6", "--freeze-layers", "-1", "--out", tmp_path / "bundle"]
    command = [sys.executable, "-m", "icd_coder", *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "epoch 2:" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    seen.append(process.communicate(timeout=60)[1])
    assert process.returncode == 130, seen
    assert "Traceback" not in "".join(seen)
    assert not (tmp_path / "bundle").exists()
    refused = run(*arguments)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    resumed = run(*arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch 2:" not in resumed.stderr
    assert "epoch 6:" in resumed.stderr
    assert load_bundle(tmp_path / "bundle").card["training"]["epochs_run"] == 6
