"""Bare FastAPI with the predict route's request and answer and nothing else: ``python bare_service.py PORT-FILE``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import uvicorn
from fastapi import FastAPI

from app.coding.neighbour_evidence import neighbour_evidence
from app.coding.schemas import PredictRequest
from app.coding.service import token_counts
from app.listening import listen
from icd_coder_client.coding import PredictAnswer
from tests.benchmarks.stub_coder import StubCoder

coder = StubCoder()
app = FastAPI()


@app.post("/v1/predict", response_model_exclude_none=True)
async def predict(request: PredictRequest) -> PredictAnswer:
    """The stub's answer."""
    (note,) = coder.predict([str(request.text)])
    evidence = neighbour_evidence(note.codes, [], [])
    return PredictAnswer(
        bundle_id=coder.bundle_id,
        precision=note.precision,
        codes=evidence.codes,
        neighbours=evidence.neighbours,
        tokens=token_counts(note.tokens),
        warnings=[],
        timings_ms={"total": 0.0},
    )


if __name__ == "__main__":
    with listen("127.0.0.1", 0, no_auth=True) as bound:
        Path(sys.argv[1]).write_text(str(bound.getsockname()[1]))
        uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[bound])
