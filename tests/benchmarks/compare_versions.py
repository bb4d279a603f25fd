"""Compare what users rely on in two versions: verbs and options, OpenAPI document, problem types, settings, tables.

    python tests/benchmarks/compare_versions.py OLD-CHECKOUT/.venv/bin/python NEW-CHECKOUT/.venv/bin/python

Each interpreter must import its own version. Prints one line for each difference, and nothing where there is none;
wording of help texts and descriptions is compared only with --wording. Exit code 1 with differences.
"""

import json
import subprocess
import sys
from typing import Any

DESCRIBE = r"""
import importlib, json, sys, tempfile, typer
sys.argv = ["describe"]
def first(*names):
    for name in names:
        module, _, attribute = name.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError):
            continue
    raise SystemExit(f"none of {names}")
import icd_coder
def options(command):
    found = {}
    for one in command.params:
        default = one.default() if callable(one.default) else one.default
        told = [getattr(one, name, None) for name in ("type", "required", "envvar", "help")]
        found["|".join([*one.opts, *one.secondary_opts])] = [str(default), *map(str, told)]
    return found
root = typer.main.get_group(icd_coder.root)
verbs = {}
for name in root.list_commands(None):
    verb = root.get_command(None, name)
    members = getattr(verb, "commands", None)
    for part, command in (members or {"": verb}).items():
        verbs[f"{name} {part}".strip()] = options(command)
status = first("app.problem_table:STATUS", "app.problems:STATUS")
http = first("app.web.problems:HTTP_PROBLEMS", "app.problems:HTTP_PROBLEMS")
settings = first("app.settings:Settings")
tables = first("app.database.tables:Base", "app.tables:Base", "app.database.tables:metadata", "app.tables:metadata")
create_app = first("app.web.application:create_app", "app.main:create_app")
gate = first("app.access.gate:OpenGate")
coder = first("tests.app.fakes:FakeCoder")()
application = create_app(first("app.settings:load_settings")(None), coder, gate())
metadata = getattr(tables, "metadata", tables)
print(json.dumps({
    "verbs": verbs,
    "openapi": application.openapi(),
    "problems": {kind.__name__: list(value) for kind, value in status.items()},
    "http problems": {str(kind): value[0] for kind, value in http.items()},
    "settings": {name: [str(field.annotation), str(field.default)] for name, field in settings.model_fields.items()},
    "tables": {
        table.name: sorted(f"{column.name} {column.type}" for column in table.columns)
        for table in metadata.sorted_tables
    },
}))
"""
WORDING = ("description", "summary", "title", "help")


def described(python: str) -> Any:
    """What the interpreter's version offers."""
    root = python.rsplit("/.venv/", 1)[0]
    finished = subprocess.run([python, "-c", DESCRIBE], cwd=root, capture_output=True, text=True, check=False)
    if finished.returncode:
        sys.exit(finished.stderr)
    return json.loads(finished.stdout.splitlines()[-1])


def differences(old: Any, new: Any, path: str, wording: bool) -> list[str]:
    """One line for each leaf that was added, removed or changed."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted(old.keys() | new.keys()):
            if key in WORDING and not wording and isinstance(old.get(key, new.get(key)), str):
                continue
            place = f"{path} > {key}"
            if key not in old:
                found.append(f"added    {place}")
            elif key not in new:
                found.append(f"removed  {place}")
            else:
                found += differences(old[key], new[key], place, wording)
        return found
    if isinstance(old, list) and isinstance(new, list) and path.startswith("verbs") and not wording:
        old, new = old[:-1], new[:-1]  # the last is the help text
    return [] if old == new else [f"changed  {path}: {str(old)[:120]} -> {str(new)[:120]}"]


def main() -> None:
    """See the docstring of this file."""
    arguments = [word for word in sys.argv[1:] if word != "--wording"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    old, new = map(described, arguments)
    found = [line for part in old for line in differences(old[part], new[part], part, wording="--wording" in sys.argv)]
    print("\n".join(found) or "no difference")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
