"""Python client of the icd-coder service; needs httpx and pydantic only.

Example::

    from icd_coder_client import Client

    with Client("http://127.0.0.1:8000", key) as client:
        answer = client.predict("72 year old woman ...", top_k=5)
"""

from icd_coder_client.answer import CodeTitle, FieldProblem, Problem, Tokens
from icd_coder_client.audit import AuditAnswer, AuditedCode, UnjudgedCode
from icd_coder_client.bundles import BundleLoaded, BundlesAnswer, NamedBundle
from icd_coder_client.catalogue import CatalogueCode, CodesAnswer, ExpectedOfPolicy, PlacedCode
from icd_coder_client.client import Client
from icd_coder_client.coding import (
    BatchAnswer,
    BatchResult,
    EvidenceSpan,
    LabelCounts,
    ModelAnswer,
    NeighbourSupport,
    PredictAnswer,
    SharedCode,
    SimilarNote,
    SuggestedCode,
)
from icd_coder_client.errors import (
    AccessRefused,
    ClientError,
    InvalidArgument,
    NotNow,
    ReceivedProblem,
    RequestRefused,
    ServiceFailed,
    ServiceProblem,
    ServiceUnreachable,
)
from icd_coder_client.jobs import JobDeleted, JobResult, JobsAnswer, JobStatus
from icd_coder_client.neighbours import Neighbour, NeighboursAnswer
from icd_coder_client.notes import NoteDeleted, NoteKept, StoredNote
from icd_coder_client.requests import (
    AssignedCode,
    CodeOptions,
    Explain,
    JobLine,
    PredictOptions,
    PredictRequest,
    ReviewAction,
    System,
)
from icd_coder_client.reviews import DoneAction, ReviewKept, ReviewsAnswer, StoredReview

__version__ = "0.2.0"

__all__ = [
    "AccessRefused",
    "AssignedCode",
    "AuditAnswer",
    "AuditedCode",
    "BatchAnswer",
    "BatchResult",
    "BundleLoaded",
    "BundlesAnswer",
    "CatalogueCode",
    "Client",
    "ClientError",
    "CodeOptions",
    "CodeTitle",
    "CodesAnswer",
    "DoneAction",
    "EvidenceSpan",
    "ExpectedOfPolicy",
    "Explain",
    "FieldProblem",
    "InvalidArgument",
    "JobDeleted",
    "JobLine",
    "JobResult",
    "JobStatus",
    "JobsAnswer",
    "LabelCounts",
    "ModelAnswer",
    "NamedBundle",
    "Neighbour",
    "NeighbourSupport",
    "NeighboursAnswer",
    "NotNow",
    "NoteDeleted",
    "NoteKept",
    "PlacedCode",
    "PredictAnswer",
    "PredictOptions",
    "PredictRequest",
    "Problem",
    "ReceivedProblem",
    "RequestRefused",
    "ReviewAction",
    "ReviewKept",
    "ReviewsAnswer",
    "ServiceFailed",
    "ServiceProblem",
    "ServiceUnreachable",
    "SharedCode",
    "SimilarNote",
    "StoredNote",
    "StoredReview",
    "SuggestedCode",
    "System",
    "Tokens",
    "UnjudgedCode",
]
