"""Mentions of conditions that the patient does not have: negated, family history, resolved, hypothetical."""

from collections.abc import Iterator
from random import Random

from training.synthetic.catalogue import Entry
from training.synthetic.draws import Draws
from training.synthetic.mentions import Draft
from training.synthetic.patients import Admission
from training.synthetic.wording import pick, wording

KINDS = ("negated", "family", "resolved", "hypothetical", "procedure.negated")
KIND_SHARES = (52, 18, 9, 13, 8)
FROM_THE_GROUP = 0.55  # of the distractors: as likely in the differential as what the patient does have; untuned
ATTEMPTS = 8


class Distractions:
    """Distractors for one admission, never of a category that the patient has, coded or not."""

    def __init__(self, draws: Draws, admission: Admission) -> None:
        self._draws = draws
        self._group = admission.group
        present = admission.diagnoses + admission.procedures + admission.unlisted
        self._taken = {(entry.code.system, entry.category) for entry in present}
        self._exclusive = {entry.exclusive for entry in present} - {None}

    def mention(self, kind: str, rng: Random) -> str | None:
        """One distractor in words, or None when the draws met only what the patient has."""
        entry = self._draw("procedure" if kind.startswith("procedure") else None, rng)
        if entry is None:
            return None
        self._taken.add((entry.code.system, entry.category))  # nor twice in two kinds that contradict each other
        return pick(wording()[kind], rng).render(rng).replace("<x>", entry.name(rng))

    def _draw(self, urn: str | None, rng: Random) -> Entry | None:
        urns = self._draws.distractors
        source = urn or (self._group if rng.random() < FROM_THE_GROUP or self._group == "newborn" else "background")
        for _ in range(ATTEMPTS):
            entry = urns[source].draw(rng)
            if (
                entry.code.system,
                entry.category,
            ) not in self._taken and entry.exclusive not in self._exclusive:
                return entry
        return None


def distract(draft: Draft, distractions: Distractions, count: int, rng: Random) -> None:
    """Spread ``count`` distractors over the sections where a reader would meet them."""
    for kind, mention in _mentions(distractions, count, rng):
        if kind == "family":
            draft.family.append(mention)
        elif kind == "resolved":
            draft.history.append(mention)
        elif kind == "hypothetical":
            pick([draft.advice, draft.advice, draft.course], rng).append(mention)
        else:
            pick([draft.story, draft.course, draft.course, draft.results], rng).append(mention)


def _mentions(distractions: Distractions, count: int, rng: Random) -> Iterator[tuple[str, str]]:
    for kind in rng.choices(KINDS, KIND_SHARES, k=count):
        mention = distractions.mention(kind, rng)
        if mention is not None:
            yield kind, mention
