"""The format of an answer: the first that a route offers, unless the header Accept names another."""

from collections.abc import Iterable, Sequence
from email.message import Message

from app.wire import CSV, FHIR_JSON, JSON

FORMS = (JSON, FHIR_JSON, CSV)
"""Of a prediction."""


def wanted_form(accept: Iterable[str], forms: Sequence[str] = FORMS) -> str:
    """One of the forms by the values of the header Accept (RFC 9110, 12.5.1).

    Only a form that is named in full counts, the first of those of the highest weight; the first of the forms where
    none is, so that ``*/*`` and a browser get it.
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
