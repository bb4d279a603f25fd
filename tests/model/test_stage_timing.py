"""Stages reach the observer of their context, and no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Thread

from model.stage_timing import observe_stages, report_stage, stage


class Recorder:
    """Records the stages that it receives."""

    def __init__(self) -> None:
        self.events: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.events.append(f"{name} begins")
        yield
        self.events.append(f"{name} ends")

    def report_stage(self, name: str, seconds: float) -> None:
        self.events.append(f"{name} took {seconds}")


def stages() -> None:
    """One of each kind."""
    with stage("encode"):
        report_stage("database", 0.5)


def test_a_listener_hrecorder_what_happens_in_its_context() -> None:
    """In another thread that has the context too, and not outside of the block."""
    recorder = Recorder()
    with observe_stages(recorder):
        stages()
        thread = Thread(target=copy_context().run, args=(stages,))
        thread.start()
        thread.join()
        other = Thread(target=stages)
        other.start()
        other.join()
    stages()
    assert recorder.events == ["encode begins", "database took 0.5", "encode ends"] * 2
