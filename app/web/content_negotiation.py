"""Choose the format of an answer by the header Accept."""

from collections.abc import Iterable, Sequence
from email.message import Message

from app.wire import FHIR_JSON, JSON
from icd_coder_client.connection import CSV

FORMS = (JSON, FHIR_JSON, CSV)
"""Formats of a prediction, the default first."""


def wanted_form(accept: Iterable[str], forms: Sequence[str] = FORMS) -> str:
    """The format with the highest weight in the values of the header Accept (RFC 9110, 12.5.1).

    Only media types named in full count. Without one the first format is used, so that ``*/*`` and a browser get the
    default.
    """
    weights: dict[str, float] = {}
    for item in ",".join(accept).split(","):
        named = Message()
        named["content-type"] = item.strip()
        weight = _weight(str(named.get_param("q", "1")))
        if named.get_content_type() in forms and weight > 0:
            weights.setdefault(named.get_content_type(), weight)
    return max(weights, key=lambda form: weights[form], default=forms[0])


def _weight(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return 0.0
