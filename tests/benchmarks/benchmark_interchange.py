"""What the edges of the service cost without a model: a Bundle, a DocumentReference, a token, an access key.

Run: ``python tests/benchmarks/benchmark_interchange.py``; medians in milliseconds, interleaved.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fhir.resources.R4B.bundle import Bundle

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.access.keys import find_caller
from app.access.scopes import Scope
from app.access.tokens import TokenVerifier
from app.coding.schemas import PredictRequest
from app.fhir.bundle import bundle_json
from app.fhir.document_reference import read_document
from icd_coder_client.answer import Tokens
from icd_coder_client.coding import EvidenceSpan, PredictAnswer, SuggestedCode
from tests.app.access.fake_identity_provider import settings_of, token
from tests.app.access.keyed_service import indexed_database, keyed_app, make_key
from tests.app.fakes import FakeCoder
from tests.app.fhir.documents import document

TURNS = 50


def answer(codes: int) -> PredictAnswer:
    """An answer of so many codes with a span each."""
    span = EvidenceSpan(start=0, end=4, text="word", sources=["attention"])
    code = SuggestedCode(
        rank=1, system="icd9cm", code="401.9", title="Invented", probability=0.25, threshold=0.5, selected=False,
        train_count=1, seen_in_training=True, evidence=[span], neighbour_count=0,
    )  # fmt: skip
    return PredictAnswer(
        bundle_id="b" * 64, precision="fp32", codes=[code] * codes, neighbours=[],
        tokens=Tokens(read=1, total=1, truncated=False), warnings=[], timings_ms={},
    )  # fmt: skip


def cases(folder: Path) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    coder = FakeCoder()
    _, gate = keyed_app(indexed_database(folder, coder), coder, **settings_of(folder))
    key, bearer, request = (
        make_key(gate, Scope.PREDICT),
        {kind: token(kind) for kind in ("RS256", "ES256")},
        PredictRequest(text="x"),
    )
    verifier = gate.tokens
    assert isinstance(verifier, TokenVerifier)
    few, many = answer(20), answer(500)
    sent = document("word " * 10_000, subject={"reference": "Patient/17"})
    whole = bundle_json(few, request)
    return {
        "access key": lambda: find_caller(gate.engine, gate.secret, key),
        **{f"token {kind}": (lambda text=text: asyncio.run(verifier.caller(text))) for kind, text in bearer.items()},
        "Bundle of 20 codes": lambda: bundle_json(few, request),
        "Bundle of 500 codes": lambda: bundle_json(many, request),
        "JSON of 20 codes": few.model_dump_json,
        "fhir.resources on the Bundle of 20": lambda: Bundle.model_validate_json(whole),
        "DocumentReference of 50,000 characters": lambda: read_document(sent),
    }


def main() -> None:
    """Time and print."""
    with tempfile.TemporaryDirectory() as folder:
        timed = cases(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(TURNS):
            for name, call in timed.items():
                start = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - start)
    for name, found in seconds.items():
        print(f"{name:40} {statistics.median(found) * 1000:8.2f} ms")


if __name__ == "__main__":
    main()
