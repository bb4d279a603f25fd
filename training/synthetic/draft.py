"""What a discharge summary has to tell, sorted into its sections, before it is written out."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Draft:
    """Sentences, lines or phrases of each section, in the order of writing.

    ``intro`` holds the phrases behind "74 year old woman"; ``course`` problems and sentences; ``results``
    findings. ``has_diagnoses`` and ``has_operations`` say whether the summary has those sections at all;
    ``terse`` is the style of short summaries; ``headed`` puts each problem of the course under its name.
    """

    has_diagnoses: bool
    has_operations: bool
    terse: bool
    headed: bool
    intro: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    family: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    course: list[str] = field(default_factory=list)
    home_drugs: list[str] = field(default_factory=list)
    new_drugs: list[str] = field(default_factory=list)
    diagnoses: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
