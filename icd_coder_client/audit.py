"""Answer of ``audit``."""

from pydantic import Field

from icd_coder_client.answer import Strict, Tokens
from icd_coder_client.coding import EvidenceSpan


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
