"""The catalogue of codes for synthetic notes: frequencies, companions and wordings, read from ``lexicon/``.

Each file of ``lexicon/`` holds groups. A code's line is ``CODE WEIGHT FLAGS``, followed by lines of wordings
separated by semicolons: ``=`` names, ``~`` findings that only hint at it, ``@`` drugs. Weights are relative
frequencies, roughly admissions in a hundred, judged from the tables of the open MIMIC-III demo; untuned.
Flags: ``c`` chronic, ``m``/``f`` one sex only, ``b`` newborns only, ``n`` never a distractor, ``x:NAME`` at
most one of that name in an admission, ``+CODE:P`` comes along with probability P, ``<CODE:P`` (procedures)
follows that diagnosis.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from random import Random

from model.errors import MalformedInput
from model.icd import ICD9CM, ICD9PCS, Code
from training.prepare.icd_titles import IcdTitle, icd9_titles
from training.synthetic.phrasing import misspelt, reworded
from training.synthetic.wording import Template, parse, pick

TITLE_SHARE = 0.12  # of the names of a code that has names of its own, said in a reworded title; untuned
MISSPELT_SHARE = 0.04  # of all names; untuned


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A code with its frequency, companions and wordings."""

    code: Code
    title: IcdTitle
    group: str
    weight: float
    flags: frozenset[str]
    exclusive: str | None
    companions: tuple[tuple[Code, float], ...]
    causes: tuple[tuple[Code, float], ...]
    names: tuple[Template, ...] = ()
    title_names: tuple[Template, ...] = ()
    findings: tuple[Template, ...] = ()
    drugs: tuple[Template, ...] = ()

    @property
    def kind(self) -> str:
        """``procedure``, ``cause`` (E codes), ``status`` (V codes) or ``condition``."""
        if self.code.system == ICD9PCS:
            return "procedure"
        return {"E": "cause", "V": "status"}.get(self.code.code[0], "condition")

    @property
    def chronic(self) -> bool:
        return "c" in self.flags

    @property
    def newborn(self) -> bool:
        return "b" in self.flags

    @property
    def category(self) -> str:
        """The code before its dot."""
        return self.code.code.partition(".")[0]

    def fits(self, sex: str) -> bool:
        """Whether a patient of this sex (``M`` or ``F``) can have it."""
        return {"M": "f", "F": "m"}[sex] not in self.flags

    def name(self, rng: Random) -> str:
        """A random wording of the code, sometimes reworded from the title, sometimes misspelt."""
        from_title = not self.names or (self.title_names and rng.random() < TITLE_SHARE)
        text = pick(self.title_names if from_title else self.names, rng).render(rng)
        return misspelt(text, rng) if rng.random() < MISSPELT_SHARE else text


@dataclass(frozen=True)
class Catalogue:
    """All entries, diagnoses and procedures, in the order of the lexicon."""

    entries: tuple[Entry, ...]
    by_code: dict[Code, Entry] = field(repr=False)

    @property
    def diagnoses(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind != "procedure")

    @property
    def procedures(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind == "procedure")

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the comorbidity groups."""
        return tuple(dict.fromkeys(entry.group for entry in self.diagnoses))


@cache
def catalogue() -> Catalogue:
    """The catalogue of the lexicon that ships beside this file.

    Raises:
        MalformedInput: a code that ICD-9-CM does not have, or that is linked to and nowhere defined.
    """
    entries: list[Entry] = []
    for file in sorted(files(__package__).joinpath("lexicon").iterdir(), key=lambda file: file.name):
        entries += _entries(file.read_text(encoding="utf-8").splitlines(), file.name)
    by_code = {entry.code: entry for entry in entries}
    for entry in entries:
        for code, _ in entry.companions + entry.causes:
            if code not in by_code:
                raise MalformedInput(f"lexicon: '{entry.code.code}' names '{code.code}', which no file defines")
    return Catalogue(tuple(entries), by_code)


def _entries(lines: Iterable[str], file: str) -> Iterator[Entry]:
    group = ""
    for block in _blocks(lines):
        if block[0].startswith("["):
            group = block[0].strip("[]")
        else:
            yield _entry(group, block, file)


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """A code's line with the wordings under it; a group's line alone."""
    block: list[str] = []
    for line in lines:
        if line[:1] in "=~@":
            block.append(line)
            continue
        if block:
            yield block
        block = [line]
    if block:
        yield block


def _entry(group: str, block: list[str], file: str) -> Entry:
    raw, weight, *flags = block[0].split()
    code = Code(ICD9PCS if group == "procedure" else ICD9CM, raw)
    if code not in icd9_titles():
        raise MalformedInput(f"lexicon file '{file}' names '{raw}', which ICD-9-CM version 32 does not have")
    title = icd9_titles()[code]
    return Entry(
        code=code,
        title=title,
        group=group,
        weight=float(weight),
        flags=frozenset(flag for flag in flags if len(flag) == 1),
        exclusive=next((flag[2:] for flag in flags if flag.startswith("x:")), None),
        companions=tuple(_links(flags, "+")),
        causes=tuple(_links(flags, "<")),
        names=_wordings(block, "="),
        title_names=tuple(parse(form) for form in reworded(title)),
        findings=_wordings(block, "~"),
        drugs=_wordings(block, "@"),
    )


def _links(flags: list[str], mark: str) -> Iterator[tuple[Code, float]]:
    for flag in flags:
        if flag.startswith(mark):
            code, _, chance = flag[1:].partition(":")
            yield Code(ICD9CM, code), float(chance)


def _wordings(block: list[str], mark: str) -> tuple[Template, ...]:
    lines = [line[1:] for line in block if line.startswith(mark)]
    return tuple(parse(form.strip()) for line in lines for form in line.split(";") if form.strip())
