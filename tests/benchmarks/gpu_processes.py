"""Work at once in processes of their own, or one after the other in this one."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import Any


class Here(Executor):
    """Does the work at once, in this process."""

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*given, **named))
        return future


def submitted(executor: Executor, function: Callable[..., Any], *given: Any) -> Future[Any]:
    """The work's future, failed where an earlier work's process was killed: no more can then be sent."""
    try:
        return executor.submit(function, *given)
    except BrokenExecutor as error:
        future: Future[Any] = Future()
        future.set_exception(error)
        return future


def executor_of(at_once: int) -> Executor:
    """This process for one at once, else processes that end with it."""
    if at_once == 1:
        return Here()
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(at_once, context, initializer=_end_with, initargs=(os.getpid(),))


def _end_with(parent: int) -> None:
    """End this process when the session is killed: it would hold the device."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
