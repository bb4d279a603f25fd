"""Line ends that were written as characters."""

import pytest

from model.text.escapes import read_escapes
from model.text.text_edits import PlainNote


def read(text: str) -> str:
    return PlainNote(text, text).edited(read_escapes(text)).text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"Gout.\nPneumonia.", "Gout.\nPneumonia."),
        (r"gout\nno fever\ncough", "gout\nno fever\ncough"),
        (r"Gout.\r\n\r\n- fever", "Gout.\n\n- fever"),
        (r"Gout.\\nFever\\n", "Gout.\nFever\n"),
        (r"S:\ncough\nO:\nrales\nA:\nPneumonia", "S:\ncough\nO:\nrales\nA:\nPneumonia"),
        (r"Gout\tno\nStroke\tyes", "Gout\tno\nStroke\tyes"),
        (r"Gout\.br\Fever\.br\\.br\Cough", "Gout\nFever\n\nCough"),
        (r"Gout\.sp2\Fever\.in+4\cough\X0D0A\Rales", "Gout\nFever cough\nRales"),
        ("Gout.\\nFever.\nCough.", "Gout.\nFever.\nCough."),
    ],
)
def test_an_escape_is_a_line_end(text: str, plain: str) -> None:
    """As JSON and HL7 write it, once or twice escaped."""
    assert read(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        r"Report in C:\notes\new.txt",
        r"Report in \\server\new\reports",
        r"decay of \nu and \tau, \theta",
        "Signed by CLINIC\\nobody\nand CLINIC\\nobody\nand others\n",
        r"see \alpha or 5\6",
        "no backslash",
    ],
)
def test_a_path_a_command_and_a_user_name_stay(text: str) -> None:
    """Before a small letter a backslash and an n are a line end only where that is likely."""
    assert read(text) == text
