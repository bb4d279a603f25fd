"""--compile without a compiler is refused before any work."""

import pytest

from model.errors import InvalidOption
from training.optimise.compiler import require_compiler


@pytest.mark.parametrize(("variable", "named"), [("CXX", "no-such-compiler"), ("PATH", "g\\+\\+")])
def test_a_missing_compiler_is_named(variable: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that CXX names, or the usual ones."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv(variable, "no-such-compiler")
    with pytest.raises(InvalidOption, match=named):
        require_compiler()


def test_a_compiler_that_is_there_is_enough(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any program of that name."""
    monkeypatch.setenv("CXX", "/bin/sh")
    require_compiler()
