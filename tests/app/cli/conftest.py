"""Runs a verb as a user types it; the coder behind it is a fake."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from icd_coder import root
from model.errors import (
    IcdCoderError,
)
from tests.app.fakes import FakeCoder

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(coder: FakeCoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    """Run a verb in an empty folder; an error of ours is raised, as ``icd_coder.main`` sees it."""
    monkeypatch.setattr("app.inference.worker.load_coder", lambda bundle, device, *precision: coder)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(root, list(arguments), input=stdin)
        if isinstance(result.exception, IcdCoderError):
            raise result.exception
        return result

    return run
