"""What the answers of the service have in common; the service builds its answers from these same classes."""

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """No coercion, no unknown field, no input in an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class CodeTitle(Strict):
    """A code with its title."""

    system: str
    code: str
    title: str


class Tokens(Strict):
    """Tokens of the note: read by the encoder, and in total."""

    read: int
    total: int
    truncated: bool


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    problem: str


class Problem(BaseModel):
    """Every error of the service (RFC 9457)."""

    type: str = Field(examples=["urn:icd-coder:problem:invalid-note"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["the note is empty: send the text of a discharge summary"])
    errors: list[FieldProblem] | None = Field(default=None, description="By field, for a body of the wrong shape.")
