"""Settings: their descriptions, and where a value comes from."""

from pathlib import Path

import pytest

from app.settings import Settings, load_settings
from model.errors import IcdCoderError, InvalidOption, MalformedInput, MissingInput

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_the_docs_can_say_what_every_setting_means() -> None:
    """The table is made from the descriptions when the site is built."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
    assert "<!-- the table of settings -->" in PAGE.read_text(encoding="utf-8")


def test_a_file_is_below_the_environment_and_that_below_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value from the nearest place that has one."""
    config = tmp_path / "icd.toml"
    config.write_text('max_top_k = 1\nmax_waiting = 2\nmax_neighbours = 3\nmetrics = "open"\n')
    monkeypatch.setenv("ICD_CODER_MAX_WAITING", "20")
    monkeypatch.setenv("ICD_CODER_MAX_NEIGHBOURS", "30")
    found = load_settings(config, max_neighbours=300)
    assert (found.max_top_k, found.max_waiting, found.max_neighbours) == (1, 20, 300)
    assert (found.metrics, found.max_body_bytes) == ("open", Settings().max_body_bytes)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"max_top_k = 0", InvalidOption, "ICD_CODER_MAX_TOP_K cannot be used"),
        (b"max_topk = 5", InvalidOption, "ICD_CODER_MAX_TOPK cannot be used: Extra inputs"),
        (b"max_top_k", MalformedInput, "is not TOML .*Expected '='"),
        (b"\xff", MalformedInput, "is not UTF-8"),
        (None, MissingInput, "is not there"),
    ],
)
def test_a_bad_file_is_one_sentence(
    tmp_path: Path, content: bytes | None, error: type[IcdCoderError], words: str
) -> None:
    """That names the file or the setting."""
    config = tmp_path / "icd.toml"
    if content is not None:
        config.write_bytes(content)
    with pytest.raises(error, match=words):
        load_settings(config)


def test_results_are_kept_for_a_number_of_days_that_a_calendar_has() -> None:
    """The worker of jobs would fail at every look for old ones."""
    with pytest.raises(InvalidOption, match="ICD_CODER_JOB_DAYS"):
        load_settings(job_days=1_000_000)
