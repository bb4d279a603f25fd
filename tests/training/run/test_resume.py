"""A run that is killed or stopped goes on to the same bits, with a log that repeats nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import write_tiny_dataset
from training.optimise.checkpoint import Progress
from training.optimise.checkpoint_folder import LAST
from training.optimise.run_log import RunLog
from training.options import TrainingOptions
from training.run.run_request import TrainingRequest
from training.run.train import train_bundle

ROOT = Path(__file__).parents[3]
OPTIONS = TrainingOptions("tiny", epochs=2, batch_size=4, window=32, max_tokens=64)


def rounds_of_kills(folder: Path, rounds: int, kills: int) -> list[bool]:
    """Whether each kill hit; the runs compare themselves with an undisturbed one."""
    command = [sys.executable, "-m", "tests.training.run.killed_run", str(folder), str(rounds), str(kills)]
    finished = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    hits: list[bool] = json.loads(finished.stdout)
    return hits


def test_a_round_of_kill_and_resume_leaves_no_trace(tmp_path: Path) -> None:
    """Signal 9 at a seeded step, whatever the run is doing then: the bits of an undisturbed run, no step told twice."""
    assert rounds_of_kills(tmp_path, rounds=1, kills=1) == [True]


@pytest.mark.acceptance
@pytest.mark.timeout(1800)
def test_twenty_rounds_of_kill_and_resume_leave_no_trace(tmp_path: Path) -> None:
    """As above, two kills a round."""
    assert sum(rounds_of_kills(tmp_path, rounds=20, kills=2)) >= 38


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_signal_ends_the_step_and_writes_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[BaseException]
) -> None:
    """In the middle of an epoch, ten minutes before one would be due; the resumed run begins with the next step."""
    data, out = write_tiny_dataset(tmp_path / "data"), tmp_path / "bundle"
    write = RunLog.write

    def sends(log: RunLog, event: str, step: int, **figures: float) -> None:
        write(log, event, step, **figures)
        if step == 4:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(RunLog, "write", sends)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(error):
        train_bundle(TrainingRequest(data, out, OPTIONS))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    monkeypatch.undo()
    first = steps_of(out)
    assert first == [1, 2, 3, 4]
    assert (tmp_path / "bundle.run" / LAST).exists()
    train_bundle(TrainingRequest(data, out, OPTIONS, resume=True))
    assert steps_of(out) == list(range(1, 19))


def steps_of(out: Path) -> list[int]:
    lines = [json.loads(line) for line in (out.with_name("bundle.run") / "log.jsonl").read_text().splitlines()]
    return [line["step"] for line in lines if line["event"] == "step"]


def test_a_log_is_cut_to_where_the_run_goes_on(tmp_path: Path) -> None:
    """Later steps, an epoch that was not finished by the checkpoint, and half a line."""
    with RunLog(tmp_path, Progress()) as log:
        for step in (1, 2, 3, 4):
            log.write("step", step, bce=1.0)
            if step % 2 == 0:
                log.write("epoch", step, epoch=step // 2)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"event": "st')
    with RunLog(tmp_path, Progress(epoch=1, epoch_step=1, step=3)) as log:
        log.write("step", 4, bce=2.0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["event"], line["step"]) for line in lines] == [
        ("step", 1),
        ("step", 2),
        ("epoch", 2),
        ("step", 3),
        ("step", 4),
    ]
    assert lines[-1]["bce"] == 2.0


def test_an_epoch_line_beyond_the_checkpoint_is_cut_at_the_same_step(tmp_path: Path) -> None:
    """Killed after the line and before the checkpoint of the epoch's end: validation comes again."""
    with RunLog(tmp_path, Progress()) as log:
        log.write("step", 1, bce=1.0)
        log.write("epoch", 1, epoch=1)
    with RunLog(tmp_path, Progress(epoch=0, epoch_step=1, step=1)):
        pass
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1


def test_a_machine_without_tensorboard_gets_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no folder for it."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with RunLog(tmp_path, Progress()) as log:
        log.write("step", 1, bce=1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_silent_log_writes_nothing(tmp_path: Path) -> None:
    """That of the processes that are not the first."""
    with RunLog(tmp_path, Progress(), silent=True) as log:
        log.write("step", 1, bce=1.0)
    assert list(tmp_path.iterdir()) == []
