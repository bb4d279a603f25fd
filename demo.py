"""The demo: run every verb once on synthetic admissions, up to a coded note and its neighbours.

It runs the other verbs as subprocesses, as a user would type them, and asks the service through its client. It imports
nothing else of the three packages.
"""

import json
import os
import queue
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from model.private_files import make_folder

commands = typer.Typer()

ADMISSIONS = 900
MAX_TOKENS = 1536
EPOCHS = 6
NEIGHBOURS = 3
SHOWN_CODES = 15
READY_SECONDS = 120
ICD_CODER = (sys.executable, "-m", "icd_coder")


@commands.command(epilog="Examples:\n\n  icd-coder demo --out demo-out\n\n  icd-coder demo --admissions 200")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results; existing results are reused.")] = Path("demo-out"),
    seed: Annotated[int, typer.Option(help="Seed of the synthetic admissions and of the training.")] = 1,
    admissions: Annotated[
        int, typer.Option(min=200, help="Number of synthetic admissions; 200 are faster and train a weaker model.")
    ] = ADMISSIONS,
) -> None:
    """Make synthetic admissions, train a model, index, serve, and code one note."""
    started = time.monotonic()
    folder = out / (f"seed-{seed}" if admissions == ADMISSIONS else f"seed-{seed}-{admissions}")
    make_folder(folder)
    for number, (title, target, arguments) in enumerate(steps(folder, seed, admissions), start=1):
        run_step(f"{number}/6 {title}", target, arguments)
    note = held_out_note(folder / "data")
    headline("6/6 serve, and send a discharge summary that the model has never seen")
    with service(folder) as address:
        answer = ask(address, note)
    show(note, answer)
    minutes = (time.monotonic() - started) / 60
    print_next_steps(folder, minutes)


def steps(folder: Path, seed: int, admissions: int) -> list[tuple[str, Path, list[str]]]:
    """Title, what it makes, and the command line of every step before the service."""
    tables, data, bundle, report = (folder / name for name in ("mimic3", "data", "bundle", "report"))
    s = str
    return [
        (
            f"synth: {admissions} admissions of people who never existed, in MIMIC-III's tables",
            tables,
            ["synth", "mimic3", "--admissions", s(admissions), "--seed", s(seed), "--out", s(tables)],
        ),
        (
            "prepare: discharge summaries with their codes",
            data,
            [
                "prepare",
                "mimic3",
                "--source",
                s(tables),
                "--dev-share",
                "0.1",
                "--test-share",
                "0.28",
                "--out",
                s(data),
            ],
        ),
        (
            "train: label attention over MiniLM, BCE + Similarity-Dissimilarity loss, on notes of nobody",
            bundle,
            ["train", "--data", s(data), "--encoder", "minilm", "--loss", "sd", "--max-tokens", s(MAX_TOKENS)]
            + ["--epochs", s(EPOCHS), "--seed", s(seed), "--least-patients", "1", "--out", s(bundle)]
            + (["--resume"] if (folder / "bundle.run").is_dir() else []),
        ),
        (
            "evaluate: on held-out patients, against the label prior and TF-IDF neighbours",
            report,
            [
                "evaluate",
                "--bundle",
                s(bundle),
                "--data",
                s(data),
                "--split",
                "test",
                "--baselines",
                "--out",
                s(report),
            ],
        ),
        (
            "index: training notes, their codes and embeddings into a database",
            folder / "bundle.sqlite3.done",
            ["index", "--bundle", s(bundle), "--data", s(data), "--store-text"],
        ),
    ]


def run_step(title: str, target: Path, arguments: list[str]) -> None:
    """Run a verb unless what it makes is there; a verb's failure ends the demo with its exit code."""
    headline(title)
    if target.exists():
        print(f"  '{target}' is there already: reused")
        return
    print("  $ " + shlex.join(["icd-coder", *arguments]))
    started = time.monotonic()
    if status := run_to_its_end([*ICD_CODER, *arguments]):
        raise typer.Exit(status)
    if target.name.endswith(".done"):
        target.touch()
    print(f"  done in {time.monotonic() - started:.0f} s")


def run_to_its_end(command: list[str]) -> int:
    """Exit code of a verb; when the demo is stopped, the verb can clean up (``subprocess.run`` would kill it)."""
    with subprocess.Popen(command, env=own_environment()) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the verb gets the signal too
            process.wait()
            raise
        except SystemExit:
            process.terminate()
            process.wait()
            raise


def own_environment() -> dict[str, str]:
    """The environment without settings of a service: the demo's notes go to no database but its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ICD_CODER_")}


def headline(text: str) -> None:
    """Print the title of a step."""
    print(f"\n== {text}", flush=True)


def held_out_note(data: Path) -> dict[str, Any]:
    """The test document whose length is closest to 4,000 characters."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(data / "documents.parquet", filters=[("split", "=", "test")]).to_pylist()
    rows.sort(key=lambda row: (abs(len(row["text"]) - 4000), row["document_id"]))
    return rows[0]


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """Address of a running service, which is stopped at the end."""
    arguments = ["serve", "--bundle", str(folder / "bundle"), "--port", "0", "--no-auth"]
    print("  $ " + shlex.join(["icd-coder", *arguments]), flush=True)
    process = subprocess.Popen([*ICD_CODER, *arguments], stderr=subprocess.PIPE, text=True, env=own_environment())
    ready: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=keep_log, args=(process, folder / "serve.log", ready))
    reader.start()
    try:
        address = ready.get(timeout=READY_SECONDS)
        if address is None:
            print(f"the service ended before it could answer: read '{folder / 'serve.log'}'", file=sys.stderr)
            raise typer.Exit(2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
        reader.join()


def keep_log(process: "subprocess.Popen[str]", path: Path, ready: "queue.Queue[str | None]") -> None:
    """Copy the service's log lines to a file; put its address when it says that it is ready, None when it ends."""
    address = None
    with path.open("w", encoding="utf-8") as log:
        for line in process.stderr or ():
            log.write(line)
            event = json.loads(line) if line.startswith("{") else {}
            address = event.get("address", address)
            if event.get("event") == "ready":
                ready.put(address)
    ready.put(None)


def ask(address: str, note: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    """Ask the service. The patient is named, so this patient's other notes are excluded."""
    from icd_coder_client import Client

    print(
        f"  POST {address.removeprefix('http://')}/v1/predict  "
        f"{{text: {len(note['text'])} characters, subject_id, top_k, neighbours}}"
    )
    with Client(address, key) as client:
        answer = client.predict(note["text"], subject_id=note["subject_id"], top_k=SHOWN_CODES, neighbours=NEIGHBOURS)
    return answer.model_dump(mode="json")


def show(note: dict[str, Any], answer: dict[str, Any]) -> None:
    """Ranked codes with evidence, the assigned ones marked, and the neighbours."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 130, markup=False, highlight=False)
    assigned = {(code["system"], code["code"]) for code in note["codes"]}
    table = Table(title=f"Synthetic discharge summary {note['document_id']}: suggested codes (✓ = assigned)")
    for column, justify in (("", "left"), ("code", "left"), ("title", "left"), ("prob.", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    table.add_column("sel.")
    table.add_column(f"of {NEIGHBOURS} by text", justify="right")
    table.add_column("evidence in the note", ratio=1)
    for code in answer["codes"]:
        table.add_row(
            "✓" if (code["system"], code["code"]) in assigned else "",
            code["code"],
            code["title"],
            f"{code['probability']:.0%}",
            "yes" if code["selected"] else "",
            str(code["neighbour_count"]),
            snippet(note["text"], code["evidence"]),
        )
    console.print()
    console.print(table)
    shown = {(code["system"], code["code"]) for code in answer["codes"]}
    missed = sorted(code for system, code in assigned if (system, code) not in shown)
    console.print(f"Assigned, not among the first {SHOWN_CODES}: {', '.join(missed) or 'none'}")
    console.print("\nMost similar summaries of other patients (✓ = code that this note was assigned too, first)")
    for neighbour in answer["neighbours"]:
        shared = {code["code"] for code in neighbour["codes"] if (code["system"], code["code"]) in assigned}
        codes = sorted((code["code"] for code in neighbour["codes"]), key=lambda code: code not in shared)
        marked = " ".join(code + ("✓" if code in shared else "") for code in codes)
        count = f"{len(shared)} of {len(codes)} codes"
        console.print(f"  {neighbour['similarity']:.3f}  {neighbour['note_id']}  {count}: {marked}", soft_wrap=True)
    for warning in answer["warnings"]:
        console.print(f"  note: {warning}", soft_wrap=True)


def snippet(text: str, evidence: list[dict[str, Any]]) -> str:
    """The heaviest span in brackets with some of the text around it."""
    if not evidence:
        return "-"
    start, end = evidence[0]["start"], evidence[0]["end"]
    around = text[max(0, start - 25) : start] + "[" + text[start:end] + "]" + text[end : end + 25]
    return " ".join(around.split())


def print_next_steps(folder: Path, minutes: float) -> None:
    """Print commands to try next."""
    bundle, data = shlex.quote(str(folder / "bundle")), shlex.quote(str(folder / "data"))
    print(
        f"""
Done in {minutes:.1f} minutes. Everything is synthetic and lies in '{folder}'. Next:

  look at the figures        less {shlex.quote(str(folder / "report" / "report.md"))}
  serve and read the API     icd-coder serve --bundle {bundle} --no-auth    then http://127.0.0.1:8000/docs
  code a note of your own    icd-coder code --bundle {bundle} --database sqlite:///{bundle}.sqlite3 NOTE.txt
  train the BCE twin         icd-coder train --data {data} --loss bce --max-tokens {MAX_TOKENS} --out {bundle}-bce
  prepare the real tables    icd-coder prepare mimic3 --source MIMIC-III-FOLDER --out DATA

Research use, suggestions only, not a medical device."""
    )
