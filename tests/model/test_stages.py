"""Who hears of stages, and who does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Thread

from model.stages import listening, passed, stage


class Ears:
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.heard.append(f"{name} begins")
        yield
        self.heard.append(f"{name} ends")

    def passed(self, name: str, seconds: float) -> None:
        self.heard.append(f"{name} took {seconds}")


def stages() -> None:
    """One of each kind."""
    with stage("encode"):
        passed("database", 0.5)


def test_a_listener_hears_what_happens_in_its_context() -> None:
    """In another thread that has the context too, and not outside of the block."""
    ears = Ears()
    with listening(ears):
        stages()
        thread = Thread(target=copy_context().run, args=(stages,))
        thread.start()
        thread.join()
        stranger = Thread(target=stages)
        stranger.start()
        stranger.join()
    stages()
    assert ears.heard == ["encode begins", "database took 0.5", "encode ends"] * 2
