"""Read the note and the patient from a DocumentReference; errors name a field and never contain its text."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir.resources.R4B.documentreference import DocumentReference
from pydantic import ValidationError

from app.coding.schemas import PredictRequest
from app.errors import InvalidResource
from app.fhir.extensions import Tree
from app.problem_table import named_place

KEPT = ("id", "masterIdentifier", "identifier", "type", "subject", "context")
"""Elements that are copied into the DocumentReference of the answer."""
MOST_CHARACTERS = 16_384
"""Largest resource without the note, as JSON; validation takes milliseconds for each kilobyte."""
CONTENT = "content"
PATIENT = re.compile(r"(?:.*/)?Patient/([A-Za-z0-9.-]{1,64})(?:/_history/.*)?|(urn:(?:uuid|oid):\S+)", re.ASCII)
BLANKS = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True)
class SentDocument:
    """The prediction request in a DocumentReference."""

    query: PredictRequest
    kept: Tree
    """Elements to copy into the answer; without the note's text."""


def read_document(body: object) -> SentDocument:
    """Read a parsed DocumentReference; the note is the first attachment that is plain text, UTF-8 as base64 data.

    Raises:
        InvalidResource: another resource, an invalid one, or one without such an attachment; names the element.
    """
    if not isinstance(body, dict) or body.get("resourceType") != "DocumentReference":
        raise InvalidResource("resourceType", "is not DocumentReference", "send a DocumentReference with the note")
    if "modifierExtension" in body:
        raise InvalidResource("modifierExtension", "may change what the resource means", "send it without")
    for status in ("status", "docStatus"):
        if body.get(status) == "entered-in-error":
            raise InvalidResource(status, "is entered-in-error", "send a document that is current")
    place, attachment = _plain_text(body)
    text = _decoded(place, attachment)
    resource = _validated(body)
    subject = resource.get("subject", {})
    try:
        query = PredictRequest(text=text, subject_id=_subject_id(subject))
    except ValidationError:
        # Raised outside of the except block: the error of pydantic holds the note.
        query = None
    if query is None:
        raise InvalidResource("subject", "does not name the patient in one line of 200 characters", "shorten it")
    return SentDocument(query, {name: resource[name] for name in KEPT if name in resource})


def _plain_text(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The first attachment with data that is plain text, and its place: a document may come as PDF and HTML too.

    Where none has data, the first that is plain text, or an address of it.
    """
    attachments = _attachments(body.get("content"))
    if not attachments:
        raise InvalidResource(
            f"{CONTENT}.0.attachment", "is missing", "send the note as its data, base64 of UTF-8 text"
        )
    plain = [found for found in attachments if _is_plain_text(found[1])]
    if not plain:
        problem = "is not text/plain in UTF-8, nor is that of a later attachment"
        raise InvalidResource(f"{attachments[0][0]}.contentType", problem, "send the note as such text")
    return next((found for found in plain if "data" in found[1]), plain[0])


def _attachments(content: Any) -> list[tuple[str, Mapping[str, Any]]]:
    found = content if isinstance(content, list) else []
    return [
        (f"{CONTENT}.{number}.attachment", item["attachment"])
        for number, item in enumerate(found)
        if isinstance(item, dict) and isinstance(item.get("attachment"), dict)
    ]


def _is_plain_text(attachment: Mapping[str, Any]) -> bool:
    kind, _, parameters = str(attachment.get("contentType", "")).lower().partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]*)", parameters)
    return kind.strip() == "text/plain" and (not charset or charset[1] in ("utf-8", "utf8", "us-ascii"))


def _decoded(place: str, attachment: Mapping[str, Any]) -> str:
    field = f"{place}.data"
    data = attachment.get("data")
    if data is None and "url" in attachment:
        raise InvalidResource(f"{place}.url", "is never fetched", "send the note as the attachment's data")
    if not isinstance(data, str):
        raise InvalidResource(field, "is missing", "send the note as base64 of UTF-8 text")
    octets = _octets(data)
    if octets is None:
        raise InvalidResource(field, "is not base64", "send the note as base64 (RFC 4648, section 4)")
    text = _text(octets)
    if text is None:
        raise InvalidResource(field, "is not UTF-8", "encode the note as UTF-8, then as base64")
    return text


def _octets(data: str) -> bytes | None:
    """The decoded bytes, or None if it is not base64; a chained error of the codec would hold the note."""
    try:
        return base64.b64decode(BLANKS.sub("", data), validate=True)
    except ValueError:  # binascii.Error, and letters that are not ASCII
        return None


def _text(octets: bytes) -> str | None:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _validated(body: Mapping[str, Any]) -> Tree:
    """The resource, validated against FHIR R4B without its texts."""
    seen = {name: value for name, value in body.items() if name not in ("content", "contained", "text")}
    if len(json.dumps(seen)) > MOST_CHARACTERS:
        raise InvalidResource(
            "DocumentReference",
            f"has more than {MOST_CHARACTERS} characters beside the note",
            "leave out what is not needed",
        )
    seen["content"] = [{"attachment": {"contentType": "text/plain"}}]
    try:
        found = DocumentReference.model_validate(seen)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(map(str, named_place(first))) or "DocumentReference"
    else:
        tree: Tree = json.loads(found.model_dump_json())
        return tree
    raise InvalidResource(field, "is not valid in FHIR R4", "send a valid DocumentReference")


def _subject_id(subject: Mapping[str, Any]) -> str | None:
    """The patient's id: the value of the identifier, or the id in the reference; None if there is neither."""
    value = subject.get("identifier", {}).get("value")
    if value is not None:
        return str(value)
    named = PATIENT.fullmatch(subject.get("reference", ""))
    return named and (named[1] or named[2])
