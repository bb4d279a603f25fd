"""In which form a prediction is wanted: JSON, unless the header Accept names another that there is."""

from collections.abc import Iterable
from email.message import Message

JSON = "application/json"
FHIR_JSON = "application/fhir+json"
CSV = "text/csv"
FORMS = (JSON, FHIR_JSON, CSV)


def wanted_form(accept: Iterable[str]) -> str:
    """One of FORMS by the values of the header Accept (RFC 9110, 12.5.1).

    Only a form that is named in full counts, the first of those of the highest weight; JSON where none is, so that
    ``*/*`` and a browser get it.
    """
    weights: dict[str, float] = {}
    for item in ",".join(accept).split(","):
        named = Message()
        named["content-type"] = item.strip()
        weight = _weight(str(named.get_param("q", "1")))
        if named.get_content_type() in FORMS and weight > 0:
            weights.setdefault(named.get_content_type(), weight)
    return max(weights, key=lambda form: weights[form], default=JSON)


def _weight(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return 0.0
