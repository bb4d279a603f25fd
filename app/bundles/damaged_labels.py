"""A bundle of the published, damaged label space answers with wrong codes: only on the user's word."""

from pathlib import Path

from app.inference.worker import Coder
from model.errors import InvalidOption


def require_whole_labels(coder: Coder, bundle: Path, allowed: bool) -> Coder:
    """The coder, unless its card names a defect of its label space (docs/decisions/0006).

    Raises:
        InvalidOption: it does, and ``allowed`` is not given.
    """
    defect = coder.card.get("label_space_defect")
    if defect and not allowed:
        raise InvalidOption(
            f"'{bundle}' was trained on damaged codes ({defect}): train it on `prepare mimic3 --labels full`, or give "
            "--allow-damaged-labels to look at it all the same"
        )
    return coder
