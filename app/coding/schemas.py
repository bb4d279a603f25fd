"""Request and answer of ``POST /v1/predict``; ``icd-coder code --format jsonl`` writes the same answer."""

from pydantic import ConfigDict, Field

from app.wire import EXAMPLE_NOTE, MOST_SUBTREES, NoteQuery, Subtree
from icd_coder_client.answer import Strict
from icd_coder_client.requests import Explain, System


class CodeOptions(Strict):
    """Options of a prediction: which codes are in the answer, and how they are explained."""

    top_k: int = Field(default=20, ge=1, description="Codes in the answer; the service's max_top_k is the limit.")
    explain: Explain = Field(
        default="attention",
        description="How evidence is found: none, attention, or attingrad (a backward pass of the encoder for each "
        "code; not in int8). Phrases and names come on top, for a bundle with a ranker.",
    )
    policy: str | None = Field(
        default=None,
        max_length=40,
        description="Which thresholds select: global, per-code, precision-0.95 (a target precision), or conformal-0.1 "
        "(a set that misses at most this share of the codes). Default: global; the model card lists the bundle's.",
    )

    minimum_probability: float = Field(default=0.0, ge=0, le=1, description="Codes below it are left out.")
    systems: list[System] | None = Field(
        default=None, min_length=1, max_length=4, description="Codes of these systems alone. Default: all."
    )
    include: list[Subtree] = Field(
        default=[],
        max_length=MOST_SUBTREES,
        description="Codes beneath one of these alone: a category such as I21, or a code such as I21.4; with its "
        "system, as in icd10cm:I21, where two of the bundle's have it. Default: all.",
    )
    exclude: list[Subtree] = Field(
        default=[], max_length=MOST_SUBTREES, description="No code beneath one of these, also where it is included."
    )


class PredictRequest(CodeOptions, NoteQuery):
    """Body of ``POST /v1/predict``."""

    neighbours: int = Field(default=5, ge=0, description="Similar notes; the service's max_neighbours is the limit.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": EXAMPLE_NOTE},
                {"text": EXAMPLE_NOTE, "minimum_probability": 0.2, "systems": ["icd9cm"], "include": ["401", "410"]},
                {"text": EXAMPLE_NOTE, "subject_id": "10006", "top_k": 8, "neighbours": 3},
                {"note_id": "142345", "explain": "none"},
            ]
        }
    )
