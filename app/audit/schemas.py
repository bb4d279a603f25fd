"""Request and answer of ``POST /v1/audit``."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.coding.schemas import EvidenceSpan
from app.wire import EXAMPLE_NOTE, MOST_CODES, AssignedCode, Explain, NoteQuery, Strict, Tokens


class AuditRequest(NoteQuery):
    """Body of ``POST /v1/audit``."""

    codes: list[AssignedCode] | None = Field(
        default=None, max_length=MOST_CODES, description="The assigned codes; of a stored note those in the database."
    )
    explain: Explain = Field(default="attention", description="As for /v1/predict.")

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": EXAMPLE_NOTE, "codes": [{"code": "401.9"}]}, {"note_id": "142345"}]}
    )

    @model_validator(mode="after")
    def _codes_of_a_text(self) -> Self:
        if self.text is not None and self.codes is None:
            raise PydanticCustomError("codes_of_a_text", "give the assigned codes of a text")
        return self


class AuditedCode(Strict):
    """A code and what speaks for it."""

    system: str
    code: str
    title: str
    probability: float = Field(description="0 where no channel proposed the code.")
    rank: int | None = Field(default=None, description="Among all candidates; absent where it is none.")
    channels: list[str]
    evidence: list[EvidenceSpan]
    reason: str


class UnjudgedCode(Strict):
    """An assigned code that the bundle lacks."""

    system: str
    code: str
    reason: str = Field(description="Whether the bundle has codes beneath it, which may have replaced it.")


class AuditAnswer(Strict):
    """Answer of ``POST /v1/audit``: suggestions for a human coder, never a decision."""

    bundle_id: str
    precision: str = Field(description="What the encoder computed in: fp32, bf16 or int8.")
    supported: list[AuditedCode]
    unsupported: list[AuditedCode]
    missing: list[AuditedCode] = Field(description="Codes that are probably missing, most probable first.")
    not_judged: list[UnjudgedCode]
    false_negative_rate: float = Field(
        description="Share of rightly assigned codes that is called unsupported, at most."
    )
    missing_precision: float | None = Field(
        default=None, description="Expected of missing; absent where it was not measured, or nothing can be called so."
    )
    tokens: Tokens
    warnings: list[str]
    timings_ms: dict[str, float]
