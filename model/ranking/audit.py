"""Code audit: which assigned codes of a note nothing supports, and which codes are probably missing.

An assigned code is unsupported where it lies outside the conformal set of the note: of codes that human coders
assigned rightly, only the set's stated share falls outside. A code is probably missing where the policy with a
target precision selects it and it is not assigned.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from model.errors import NoConformalSet
from model.icd import Code
from model.labels import LabelSpace
from model.prediction import Evidence, TokenCount
from model.ranking.conformal import ConformalSet
from model.ranking.ranker import Ranking
from model.ranking.thresholds import ThresholdPolicy, policy_named, precision_policy

MISSING_PRECISION = 0.95
NO_CHANNEL = "no channel proposed the code"


@dataclass(frozen=True)
class CodeAudit:
    """One code of the note with its evidence."""

    code: Code
    title: str
    probability: float
    """0 where no channel proposed the code."""
    rank: int | None
    """Among all candidates, from 1; None where it is none."""
    channels: tuple[str, ...]
    """Channels that proposed it."""
    evidence: tuple[Evidence, ...]
    reason: str
    """One phrase for a reader, without words of the note."""


@dataclass(frozen=True)
class NoteAudit:
    """The assigned codes of a note beside its ranking."""

    supported: tuple[CodeAudit, ...]
    unsupported: tuple[CodeAudit, ...]
    missing: tuple[CodeAudit, ...]
    """Most probable first."""
    not_judged: tuple[Code, ...]
    """Assigned codes that the ranker's code set lacks."""
    false_negative_rate: float
    """Share of rightly assigned codes that are called unsupported, at most, by the conformal set."""
    missing_precision: float | None
    """Expected precision of ``missing`` on held-out validation notes; None where it was not measured, or where
    validation allows no such threshold, and then nothing is called missing."""


@dataclass(frozen=True)
class AuditedNote:
    """The audit of one note, and how it was read."""

    audit: NoteAudit
    tokens: TokenCount
    warnings: tuple[str, ...]
    precision: str
    """fp32, bf16 or int8: what the encoder computed in."""


def audit_note(
    ranking: Ranking,
    assigned: Collection[Code],
    codes: LabelSpace,
    evidence: Mapping[int, tuple[Evidence, ...]] | None = None,
    precision: float = MISSING_PRECISION,
) -> NoteAudit:
    """Audit the assigned codes of one note.

    Args:
        ranking: of the note, by the bundle's ranker.
        codes: the ranker's code set.
        evidence: spans of the note by column, for those that have any.
        precision: expected of the codes that are called missing; a policy of the bundle must have it.

    Raises:
        NoConformalSet: the ranker was fitted on too few notes to have one.
    """
    if not ranking.fusion.conformal:
        raise NoConformalSet(
            "the bundle's ranker has no conformal set, so nothing can be audited: its card says why; train with more "
            "validation notes"
        )
    conformal = min(ranking.fusion.conformal, key=lambda each: each.target)
    columns = {code: codes.column(code) for code in assigned}
    judged = {column: code for code, column in columns.items() if column is not None}
    spans = evidence or {}
    entries = [_assigned(ranking, column, codes, conformal, spans) for column in sorted(judged)]
    policy = _policy(ranking, precision)
    return NoteAudit(
        supported=tuple(entry for entry, inside in entries if inside),
        unsupported=tuple(entry for entry, inside in entries if not inside),
        missing=() if policy is None else _missing(ranking, policy, judged, codes, spans),
        not_judged=tuple(sorted(code for code, column in columns.items() if column is None)),
        false_negative_rate=conformal.target,
        missing_precision=None if policy is None else policy.expected_precision,
    )


def _assigned(
    ranking: Ranking,
    column: int,
    codes: LabelSpace,
    conformal: ConformalSet,
    spans: Mapping[int, tuple[Evidence, ...]],
) -> tuple[CodeAudit, bool]:
    """The entry of an assigned code, and whether it is supported."""
    place = ranking.place_of(column)
    label = codes[column]
    if place is None:
        return CodeAudit(label.key, label.title, 0.0, None, (), spans.get(column, ()), NO_CHANNEL), False
    inside = bool(conformal.member(ranking.scores[place : place + 1])[0])
    stands = "inside" if inside else "outside"
    reason = f"{_proposed(ranking, place)}, {stands} the set that holds {1 - conformal.target:.0%} of the codes"
    return _entry(ranking, place, codes, spans, reason), inside


def _missing(
    ranking: Ranking,
    policy: ThresholdPolicy,
    assigned: Collection[int],
    codes: LabelSpace,
    spans: Mapping[int, tuple[Evidence, ...]],
) -> tuple[CodeAudit, ...]:
    thresholds = policy.of(ranking.columns)
    places = np.flatnonzero(ranking.probabilities > thresholds).tolist()
    return tuple(
        _entry(
            ranking,
            place,
            codes,
            spans,
            f"{_proposed(ranking, place)}, above the threshold {thresholds[place]:.2f} of {policy.name}",
        )
        for place in places
        if int(ranking.columns[place]) not in assigned
    )


def _entry(
    ranking: Ranking, place: int, codes: LabelSpace, spans: Mapping[int, tuple[Evidence, ...]], reason: str
) -> CodeAudit:
    column = int(ranking.columns[place])
    label = codes[column]
    return CodeAudit(
        label.key,
        label.title,
        float(ranking.probabilities[place]),
        place + 1,
        ranking.channels_of(place),
        spans.get(column, ()),
        reason,
    )


def _proposed(ranking: Ranking, place: int) -> str:
    return f"rank {place + 1}, proposed by {', '.join(ranking.channels_of(place)) or 'no channel'}"


def _policy(ranking: Ranking, precision: float) -> ThresholdPolicy | None:
    name = precision_policy(precision)
    if all(policy.name != name for policy in ranking.fusion.policies):
        return None  # validation allows no such threshold: see the bundle's card
    return policy_named(ranking.fusion.policies, name)
