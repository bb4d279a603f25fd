"""Pages and tables of the site that are made from the code: command line, settings, REST routes, changelog.

MkDocs calls the functions ``on_...`` while it builds (``hooks`` in mkdocs.yml).
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import icd_coder  # noqa: E402 - the checkout, not an installed copy
from app.cli import security_answers  # noqa: E402
from app.settings import PREFIX, Settings, load_settings  # noqa: E402
from app.web.application import create_app  # noqa: E402
from training.prepare.code_cells import EXAMPLES, NULL_WORDS, CodeColumn  # noqa: E402
from training.prepare.icd_titles import published_titles  # noqa: E402

SETTINGS_MARK = "<!-- the table of settings -->"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {
        "reference/command-line.md": command_line(),
        "reference/routes.md": routes(openapi()),
        "reference/code-spellings.md": code_spellings(),
        "reference/security-answers.md": security_answers.render(Settings.model_construct()),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the table of settings where its mark is."""
    return markdown.replace(SETTINGS_MARK, settings_table())


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Drop Sphinx's roles from docstrings, such as :class: before a name."""
    return re.sub(r":(?:class|func|meth|mod):(?=<code>)", "", html)


def settings_table() -> str:
    """Name, default and meaning of every setting."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "none" if field.default is None else f"`{field.default}`" if field.default != "" else "empty"
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {cell(field.description or '')} |")
    return "\n".join(rows)


def command_line() -> str:
    """Every verb with its help, arguments and options."""
    root = typer.main.get_group(icd_coder.root)
    parts = ["# Command line", "`icd-coder VERB --help` prints the same. `icd-coder --help` lists the verbs."]
    for name in root.list_commands(None):
        parts.extend(command(f"icd-coder {name}", root.get_command(None, name)))
    return "\n\n".join(parts) + "\n"


def command(path: str, verb: Any) -> Iterator[str]:
    """The section of one verb, and those of its members where it is a group."""
    yield f"## {path}"
    summary, _, examples = (verb.help or "").replace("\b", "").partition("\n\n")
    yield cell(summary)
    if examples.strip():
        yield f"```text\n{dedented(examples)}\n```"
    shown = [one for one in verb.params if not getattr(one, "hidden", False) and one.name != "help"]
    if shown:
        yield "\n".join(["| option | default | meaning |", "|---|---|---|", *(option_row(one) for one in shown)])
    for name, member in getattr(verb, "commands", {}).items():
        yield from command(f"{path} {name}", member)


def option_row(one: Any) -> str:
    """A row: the option's names, its default, its help."""
    names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
    if one.param_type_name == "argument":
        names = f"`{(one.name or '').upper()}`"
    default = "" if one.default is None or callable(one.default) else f"`{one.default}`"
    return f"| {names} | {'**required**' if one.required else default} | {cell(getattr(one, 'help', None) or '')} |"


def code_spellings() -> str:
    """What a cell of codes is read as: every example of the reader, read by it."""
    rows = ["| system | cell | codes | what it shows |", "|---|---|---|---|"]
    for system, written, shows in EXAMPLES:
        column = CodeColumn((system,), published_titles([system]).keys())
        numbers = column.add(written, 1)
        resolved = column.resolve()
        codes = ", ".join(f"`{code.code}`" for code in resolved.codes(numbers))
        found = "**refused**" if resolved.refusals() else codes or "none"
        shown = written.encode("ascii", "backslashreplace").decode() if "\u200b" in written else written
        rows.append(f"| {system} | `{cell(shown)}` | {found} | {cell(shows)} |")
    return (
        "\n\n".join(
            [
                "# Spellings of codes",
                "How `icd-coder prepare table` reads the cells of codes, and what it refuses. A dot that is written is "
                "believed: it is never moved. What is read from another form is counted in `manifest.json` and on the "
                "screen. A piece that is refused is never shown, because it may be words of a note; the message names "
                "the count, the reason and the first row. `--invalid-codes drop` leaves them out and counts them.",
                "\n".join(rows),
                "Nothing is read from the words " + ", ".join(f"`{word}`" for word in sorted(NULL_WORDS)) + ".",
            ]
        )
        + "\n"
    )


def openapi() -> dict[str, Any]:
    """The service's OpenAPI description; it does not depend on a bundle."""
    description: dict[str, Any] = create_app(load_settings(), MagicMock(), MagicMock()).openapi()
    return description


def routes(description: dict[str, Any]) -> str:
    """Every route with its parameters, body and answers, then every schema with its fields."""
    parts = [
        "# REST routes and fields",
        "A running service gives this page at `/docs` and the same as OpenAPI at `/openapi.json`. "
        "[Every route by curl](rest.md) has an example of each.",
    ]
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            parts.extend(route(method, path, operation))
    parts.append("## Fields")
    for name, schema in sorted(description["components"]["schemas"].items()):
        parts.extend(fields(name, schema))
    return "\n\n".join(parts) + "\n"


def route(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    """The section of one operation."""
    yield f"## {method.upper()} {path}"
    yield operation.get("description") or operation.get("summary", "")
    parameters = operation.get("parameters", [])
    if parameters:
        rows = [
            f"| `{one['name']}` | {one['in']} | {kind(one['schema'])} | {cell(one.get('description', ''))} |"
            for one in parameters
        ]
        yield "\n".join(["| parameter | in | type | meaning |", "|---|---|---|---|", *rows])
    for media, sent in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Body (`{media}`): {kind(sent.get('schema', {}))}"
    answers = operation["responses"].items()
    for status, answer in answers:
        if status < "400":
            yield f"{status}: {', '.join(answer_kinds(answer)) or answer['description']}"
    problems = sorted(status for status, _ in answers if status >= "400")
    if problems:
        yield "Problems (`application/problem+json`): " + ", ".join(problems)


def answer_kinds(answer: dict[str, Any]) -> Iterator[str]:
    """The types that an answer may have."""
    for media, content in answer.get("content", {}).items():
        schema = content.get("schema", {})
        yield kind(schema) if "$ref" in schema else f"`{media}`"


def fields(name: str, schema: dict[str, Any]) -> Iterator[str]:
    """The section of one schema."""
    yield f"### {name}"
    if schema.get("description"):
        yield schema["description"].strip()
    required = schema.get("required", [])
    rows = [
        f"| `{field}`{'' if field in required else '?'} | {kind(content)} | {cell(content.get('description', ''))} |"
        for field, content in schema.get("properties", {}).items()
    ]
    if rows:
        yield "\n".join(["| field | type | meaning |", "|---|---|---|", *rows])
    elif "enum" in schema:
        yield "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + "."


def kind(schema: dict[str, Any]) -> str:
    """A type in words, with a link to the schema that it names."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(kind(one) for one in schema[word])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def cell(text: str) -> str:
    """A text that a table's cell can hold."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def dedented(text: str) -> str:
    """The lines of a block without the spaces that all of them begin with."""
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    return "\n".join(line[margin:] for line in lines)
