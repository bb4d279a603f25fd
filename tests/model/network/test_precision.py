"""The precision that a bundle answers in."""

import pytest

from model.errors import InvalidOption
from model.network.precision import served_precision


@pytest.mark.parametrize(
    ("wanted", "recorded", "exported", "chosen"),
    [
        ("auto", "fp32", False, "fp32"),
        ("auto", "bf16", False, "bf16"),
        ("auto", "bf16", True, "int8"),
        ("recorded", "bf16", True, "bf16"),
        ("fp32", "bf16", True, "fp32"),
        ("bf16", "fp32", False, "bf16"),
        ("int8", "fp32", True, "int8"),
    ],
)
def test_a_precision_is_the_wanted_one_or_what_the_bundle_was_made_for(
    wanted: str, recorded: str, exported: bool, chosen: str
) -> None:
    """Never what the machine likes best: embeddings of two precisions must not mix."""
    assert served_precision(wanted, recorded, exported) == chosen


@pytest.mark.parametrize(
    ("wanted", "exported", "device", "said"),
    [
        ("fp16", False, "cpu", "'fp16'"),
        ("int8", False, "cpu", "icd-coder export"),
        ("int8", True, "cuda:0", "--precision bf16"),
        ("auto", True, "cuda", "--precision bf16"),
    ],
)
def test_a_precision_that_cannot_be_had_is_named_with_the_remedy(
    wanted: str, exported: bool, device: str, said: str
) -> None:
    """One sentence."""
    with pytest.raises(InvalidOption, match=said):
        served_precision(wanted, "fp32", exported, device)
