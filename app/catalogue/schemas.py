"""What the catalogue takes and gives."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.wire import Strict, Subtree, System
from model.ranking.thresholds import GLOBAL

LARGEST_PAGE = 200


class CodesQuery(BaseModel):
    """Query of ``GET /v1/codes``; not strict, because numbers in an address are text."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    q: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Beginnings of words of the title, all of them, or the beginning of a code."
    )
    system: System | None = None
    category: Subtree | None = Field(default=None, description="Codes beneath it: I21, I21.4, icd10cm:I21.")
    policy: Annotated[str, Field(max_length=40)] = Field(default=GLOBAL, description="Whose thresholds are told.")
    limit: int = Field(default=50, ge=1, le=LARGEST_PAGE, description="Codes in one answer.")
    offset: int = Field(default=0, ge=0, le=10_000_000, description="next_offset of the page before.")


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
