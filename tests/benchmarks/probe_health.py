"""How long /healthz takes, seen from a process of its own: ``python probe_health.py HOST PORT SECONDS``.

Every 20 ms, on a new connection as an orchestrator's probe has; prints JSON: count, failures and milliseconds.
"""

import http.client
import json
import sys
import time

EVERY = 0.02


def probe(host: str, port: int) -> bool:
    """One probe; whether the answer was 200."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    finally:
        connection.close()


def main() -> None:
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    taken: list[float] = []
    failures = 0
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        try:
            failures += not probe(host, port)
        except OSError:
            failures += 1
        taken.append(1000 * (time.perf_counter() - start))
        time.sleep(max(0.0, start + EVERY - time.perf_counter()))
    taken.sort()
    at = {name: round(taken[min(len(taken) - 1, int(share * len(taken)))], 1) for name, share in SHARES.items()}
    print(json.dumps({"probes": len(taken), "failures": failures, **at}))


SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}

if __name__ == "__main__":
    main()
