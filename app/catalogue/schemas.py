"""What the catalogue takes and gives."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.wire import Subtree
from icd_coder_client.requests import System
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
