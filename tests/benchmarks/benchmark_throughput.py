"""`icd-coder benchmark` for a machine with only torch, transformers, numpy, pyarrow, safetensors and tqdm.

Run: python tests/benchmarks/benchmark_throughput.py train|predict [--device cuda --batch-size 16 --precisions bf16]
"""

import argparse
import json
import sys
from dataclasses import MISSING, fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from training.benchmark.options import KINDS, BenchmarkOptions
from training.benchmark.report import benchmark_report
from training.benchmark.throughput import measure_throughput


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    for field in fields(BenchmarkOptions):
        flag = f"--{field.name.replace('_', '-')}"
        if field.default is MISSING:
            continue
        if isinstance(field.default, bool):
            parser.add_argument(flag, default=field.default, action=argparse.BooleanOptionalAction)
        elif isinstance(field.default, tuple):
            parser.add_argument(flag, default=field.default, nargs="*")
        else:
            parser.add_argument(flag, default=field.default, type=type(field.default))
    given = vars(parser.parse_args())
    result = measure_throughput(BenchmarkOptions(**{**given, "precisions": tuple(given["precisions"])}))
    print(benchmark_report(result))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
