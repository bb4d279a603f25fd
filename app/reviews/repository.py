"""The queries of reviews; every function runs inside the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, union

from app.database.tables import AssignedCode, Note, Patient, Review, ReviewAction
from app.neighbours.repository import assigned_codes
from app.reviews.replay import Action, ActionKind, replay
from model.icd import Code


class ReviewRow(NamedTuple):
    """A review without its actions."""

    review_id: int
    note_id: str
    bundle_id: str
    reviewer: str
    who: str
    created_at: datetime


class ReviewedNote(NamedTuple):
    """A note that has reviews, as the export needs it."""

    row: int
    note_id: str
    subject_id: str | None
    text: str | None


class NewReview(NamedTuple):
    """A review that is to be stored; ``note`` is the note's row."""

    note: int
    bundle_id: str
    who: str
    reviewer: str
    created_at: datetime


def note_row(connection: Connection, note_id: str) -> int | None:
    """Row of a note, or None."""
    return connection.scalar(select(Note.id).where(Note.note_id == note_id))


def add_review(connection: Connection, review: NewReview, actions: Sequence[Action]) -> int:
    """Store a review with its actions; its id."""
    values = {**review._asdict(), "note_id": review.note}
    del values["note"]
    number: int = connection.execute(insert(Review).values(values).returning(Review.id)).scalar_one()
    rows = [
        {
            "review_id": number,
            "sequence": sequence,
            "action": action.kind.value,
            "system": action.code.system,
            "code": action.code.code,
            "position": action.position,
        }
        for sequence, action in enumerate(actions, start=1)
    ]
    connection.execute(insert(ReviewAction), rows)
    return number


def find_reviews(
    connection: Connection, note_id: str | None, since: datetime | None, after: int, limit: int
) -> list[ReviewRow]:
    """Reviews with an id above ``after``, in their order."""
    query = (
        select(Review.id, Note.note_id, Review.bundle_id, Review.reviewer, Review.who, Review.created_at)
        .join(Note, Review.note_id == Note.id)
        .where(Review.id > after)
        .order_by(Review.id)
        .limit(limit)
    )
    if note_id is not None:
        query = query.where(Note.note_id == note_id)
    if since is not None:
        query = query.where(Review.created_at >= since)
    return [ReviewRow(*row) for row in connection.execute(query)]


def actions_of(connection: Connection, reviews: Sequence[int]) -> dict[int, list[Action]]:
    """Actions by review, in their order."""
    query = (
        select(
            ReviewAction.review_id,
            ReviewAction.action,
            ReviewAction.system,
            ReviewAction.code,
            ReviewAction.position,
        )
        .where(ReviewAction.review_id.in_(reviews))
        .order_by(ReviewAction.review_id, ReviewAction.sequence)
    )
    found: dict[int, list[Action]] = {review: [] for review in reviews}
    for review, kind, system, code, position in connection.execute(query):
        found[review].append(Action(ActionKind(kind), Code(system, code), position))
    return found


def actions_on(connection: Connection, notes: Sequence[int]) -> dict[int, list[Action]]:
    """All actions on each note by its row, in the order in which they were done."""
    query = (
        select(Review.note_id, ReviewAction.action, ReviewAction.system, ReviewAction.code, ReviewAction.position)
        .join(Review, ReviewAction.review_id == Review.id)
        .where(Review.note_id.in_(notes))
        .order_by(ReviewAction.review_id, ReviewAction.sequence)
    )
    found: dict[int, list[Action]] = {note: [] for note in notes}
    for note, kind, system, code, position in connection.execute(query):
        found[note].append(Action(ActionKind(kind), Code(system, code), position))
    return found


def current_codes(connection: Connection, notes: Sequence[ReviewedNote]) -> dict[str, list[Code]]:
    """The codes of each note after all of its reviews, in order of priority, by its id."""
    assigned = assigned_codes(connection, [note.note_id for note in notes])
    actions = actions_on(connection, [note.row for note in notes])
    return {note.note_id: replay([each.code for each in assigned[note.note_id]], actions[note.row]) for note in notes}


def reviewed_note_ids(connection: Connection) -> list[str]:
    """Ids of the notes that have reviews, by row."""
    query = select(Note.note_id).where(select(Review.id).where(Review.note_id == Note.id).exists()).order_by(Note.id)
    return list(connection.scalars(query))


def reviewed_notes(connection: Connection, note_ids: Sequence[str], with_text: bool) -> list[ReviewedNote]:
    """Those of the notes that are still there, by row."""
    text = (Note.text,) if with_text else ()
    query = (
        select(Note.id, Note.note_id, Patient.subject_id, *text)
        .outerjoin(Patient, Note.patient_id == Patient.id)
        .where(Note.note_id.in_(note_ids))
        .order_by(Note.id)
    )
    return [ReviewedNote(row[0], row[1], row[2], row[3] if with_text else None) for row in connection.execute(query)]


def systems_of_reviewed(connection: Connection) -> list[str]:
    """Systems of all codes that reviewed notes have or ever had, sorted."""
    reviewed = select(Review.note_id)
    query = union(select(AssignedCode.system).where(AssignedCode.note_id.in_(reviewed)), select(ReviewAction.system))
    return sorted(connection.scalars(query))
