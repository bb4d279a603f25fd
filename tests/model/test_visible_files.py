"""Files whose names begin with a dot are no input."""

from pathlib import Path

from model.visible_files import visible_files


def test_dot_files_are_counted_and_the_others_sorted(tmp_path: Path) -> None:
    """macOS writes them beside the others."""
    names = ["b.txt", "._b.txt", "a.txt", ".DS_Store"]
    found = visible_files(tmp_path / name for name in names)
    assert [path.name for path in found.files] == ["a.txt", "b.txt"]
    assert found.hidden == 2
    assert visible_files([]) == ([], 0)
