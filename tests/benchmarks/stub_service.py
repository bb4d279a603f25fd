"""The service around a stub coder, as a process: the server, the gate and the database are the real ones.

Run ``python tests/benchmarks/stub_service.py DATABASE-URL [--seconds 0.05]``, with settings in the environment.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.access.gate import open_gate
from app.listening import listen
from app.logs import configure_logs
from app.settings import load_settings
from app.web.application import create_app
from app.web.server import run
from tests.benchmarks.stub_coder import StubCoder


def main() -> None:
    """As ``icd-coder serve``, on a free port that the log names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("--seconds", type=float, default=0.0, help="of a note")
    given = parser.parse_args()
    settings = load_settings(database=given.database)
    with listen("127.0.0.1", 0, no_auth=False) as bound:
        gate = open_gate(settings, no_auth=False)
        app = create_app(settings, StubCoder(given.seconds), gate)
        configure_logs(sys.stderr)
        run(app, bound, settings)


if __name__ == "__main__":
    main()
