"""Answer of ``codes``."""

from pydantic import Field

from icd_coder_client.answer import Strict


class PlacedCode(Strict):
    """A code above or below another; a category may be none that the bundle answers with."""

    code: str
    title: str | None = Field(default=None, description="Absent where the bundle has no such code.")


class CatalogueCode(Strict):
    """A code that the bundle can answer with, in its place."""

    system: str
    code: str
    title: str
    category: PlacedCode
    parent: PlacedCode | None = Field(default=None, description="The nearest code or category above.")
    children: list[PlacedCode] = Field(description="The codes right beneath.")
    train_count: int = Field(description="Training notes with this code.")
    threshold: float = Field(description="Of the policy; a probability above it selects the code.")
    precision: float | None = Field(
        default=None,
        description="Of the validation notes in which the global threshold selects the code, the share to which it was "
        "assigned; absent where it selects it in none, where it was not counted, and for another policy.",
    )
    selected_notes: int | None = Field(default=None, description="The notes that precision rests on.")
    recall: float | None = Field(
        default=None,
        description="Of the validation notes to which the code was assigned, the share in which the global threshold "
        "selects it; absent where it was assigned to none, where it was not counted, and for another policy.",
    )
    assigned_notes: int | None = Field(default=None, description="The notes that recall rests on.")


class ExpectedOfPolicy(Strict):
    """A threshold policy with its micro precision and recall on validation notes that it was not tuned on."""

    name: str
    precision: float | None = Field(default=None, description="Absent where it was not measured.")
    recall: float | None = None
    notes: int | None = Field(
        default=None, description="Validation notes on which single codes were counted; absent where they were not."
    )


class CodesAnswer(Strict):
    """Answer of ``GET /v1/codes``."""

    bundle_id: str
    total: int = Field(description="Codes that were found, on all pages.")
    next_offset: int | None = Field(default=None, description="Absent on the last page.")
    codes: list[CatalogueCode]
    policy: ExpectedOfPolicy
    warnings: list[str]
