"""What the methods of the client take, as typed dictionaries; the service checks values and says what is wrong.

Each is a schema of the OpenAPI document, where the fields are described.
"""

from typing import Literal, Required, TypedDict

Explain = Literal["none", "attention", "attingrad"]
System = Literal["icd9cm", "icd9pcs", "icd10cm", "icd10pcs", "icd10who", "icd10gm", "icd10am", "icd10ca"]

ReviewKind = Literal["accept", "reject", "add", "reorder"]


class CodeOptions(TypedDict, total=False):
    """Which codes are in a prediction, and how they are explained."""

    top_k: int
    explain: Explain
    policy: str | None
    minimum_probability: float
    systems: list[System]
    include: list[str]
    exclude: list[str]


class PredictOptions(CodeOptions, total=False):
    """Options of ``predict``, beside the text; ``note_id`` is a stored note instead of the text."""

    note_id: str | None
    subject_id: str | None
    neighbours: int


class PredictRequest(PredictOptions, total=False):
    """A note of ``predict_batch``."""

    text: str


class JobLine(CodeOptions, total=False):
    """A note of ``submit_job``; ``id`` is your own, once in a job."""

    id: Required[str]
    text: Required[str]
    subject_id: str | None


class AssignedCode(TypedDict, total=False):
    """A code that human coders gave a note; ``system`` for one that the bundle has in none or several."""

    code: Required[str]
    system: System | None


class ReviewAction(AssignedCode, total=False):
    """One step of a review; ``position``, from 1, goes with ``reorder`` and ``add``."""

    action: Required[ReviewKind]
    position: int
