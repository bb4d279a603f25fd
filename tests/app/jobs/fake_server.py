"""The service over a fake coder as a process that is going to be killed.

``python tests/app/jobs/fake_server.py URL``: serves on a free port and logs its address, as ``icd-coder serve`` does.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from app.access.gate import OpenGate
from app.inference import worker as inference
from app.jobs import worker as jobs
from app.listening import listen
from app.logs import configure_logs
from app.settings import load_settings
from app.web.application import create_app
from app.web.server import run
from tests.app.fakes import FakeCoder


def main() -> None:
    jobs.GRACE_SECONDS = 0.1
    inference.use_threads = lambda _count: None  # nothing here needs torch, which takes seconds to import
    configure_logs(sys.stderr)
    with listen("127.0.0.1", 0, no_auth=True) as bound:
        settings = load_settings(database=sys.argv[1], shutdown_seconds=1)
        run(create_app(settings, FakeCoder(), OpenGate()), bound, settings)


if __name__ == "__main__":
    main()
