"""Making, reading and exporting reviews, each with its row in the access log."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from app.access.caller import Visit
from app.access.scopes import Scope
from app.access_log.hash_chain import append
from app.access_log.journal import write_entry
from app.bundles.repository import is_recorded, record_bundle
from app.catalogue.code_tree import CodeTree
from app.database.engine import read, write
from app.errors import NoDatabase, UnknownNote
from app.inference.worker import Coder
from app.reviews import repository
from app.reviews.csv_export import chosen_system, table_lines
from app.reviews.replay import Action, ActionKind, replay
from app.reviews.repository import NewReview, ReviewedNote
from app.reviews.schemas import ReviewRequest, ReviewsQuery
from icd_coder_client.answer import CodeTitle
from icd_coder_client.reviews import DoneAction, ReviewKept, ReviewsAnswer, StoredReview
from model.errors import InvalidOption
from model.icd import Code

KEPT, REFUSED = 201, 422
MISFIT = (
    "an action does not fit the note's list of codes, and nothing was kept: accept and reject a code of the note or of "
    "the bundle, reorder one of the note, and add any other (which of them, a key with the scope 'neighbours' is told)"
)


@dataclass(frozen=True)
class ReviewService:
    """The reviews of one database; codes are spelled and titled as the bundle has them."""

    coder: Coder
    tree: CodeTree
    engine: Engine | None

    async def make(self, request: ReviewRequest, visit: Visit) -> ReviewKept:
        """Store a review.

        Raises:
            NoDatabase, UnknownNote: there is nothing to review.
            InvalidOption: a code or the bundle is unknown, or a code that is reordered is not in the list.
            DatabaseUnavailable: not now; nothing was stored.
        """
        actions = [
            Action(ActionKind(each.action), self.tree.code(each.code, each.system), each.position)
            for each in request.actions
        ]
        return await asyncio.to_thread(self._make, self._database(), request, actions, visit)

    async def read(self, query: ReviewsQuery, visit: Visit) -> ReviewsAnswer:
        """A page of reviews; logged before it is given.

        Raises:
            NoDatabase, UnknownNote, DatabaseUnavailable: there are none, or not now.
        """
        return await asyncio.to_thread(self._read, self._database(), query, visit)

    async def export(self, system: str | None, visit: Visit) -> Iterator[str]:
        """The table of all reviewed notes in parts, with their texts for a key that may see them; logged first.

        Raises:
            NoDatabase, DatabaseUnavailable: there are none, or not now.
            InvalidOption: see :func:`app.reviews.csv_export.chosen_system`.
        """
        return await asyncio.to_thread(self._export, self._database(), system, visit)

    def _make(self, engine: Engine, request: ReviewRequest, actions: Sequence[Action], visit: Visit) -> ReviewKept:
        reviewer, now = request.reviewer or visit.caller.name, datetime.now(UTC)
        number = 0
        with write(engine) as connection:
            bundle_id = self._known_bundle(connection, request.bundle_id)  # before the note: alike for every note
            note = _note(connection, request.note_id)
            before = _codes(connection, note)
            misfit = self._misfit(before, actions)
            if misfit is None:
                self._record(connection, bundle_id)
                review = NewReview(note.row, bundle_id, visit.caller.who, reviewer, now)
                number = repository.add_review(connection, review, actions)
            append(connection, visit.entry([request.note_id], KEPT if misfit is None else REFUSED))
        if misfit is not None:  # after the commit: a refusal tells of the note's codes, so its row in the log stays
            raise InvalidOption(misfit if visit.may(Scope.NEIGHBOURS) else MISFIT)
        return ReviewKept(
            review_id=number,
            note_id=request.note_id,
            bundle_id=bundle_id,
            reviewer=reviewer,
            created_at=now,
            codes=self._titled(replay(before, actions)),
            warnings=self._warnings(actions),
        )

    def _misfit(self, before: Sequence[Code], actions: Sequence[Action]) -> str | None:
        """What is wrong with the first action that means nothing for a note with these codes; None where all do."""
        codes = list(before)
        for action in actions:
            written = f"{action.code.system}:{action.code.code}"
            if action.kind is ActionKind.REORDER and action.code not in codes:
                return f"'{written}' is not in the note's list, so it has no place: add it instead"
            judged = action.kind in (ActionKind.ACCEPT, ActionKind.REJECT)
            if judged and action.code not in codes and self.tree.codes.column(action.code) is None:
                return (
                    f"'{written}' is neither in the note's list nor a code of the bundle, so nobody can have "
                    "suggested it: add it instead, or see GET /v1/codes"
                )
            codes = replay(codes, [action])
        return None

    def _known_bundle(self, connection: Connection, named: str | None) -> str:
        if named is None or named == self.coder.bundle_id:
            return self.coder.bundle_id
        if not is_recorded(connection, named):
            raise InvalidOption("the database knows no bundle with this bundle_id: see the bundle_id of an answer")
        return named

    def _record(self, connection: Connection, bundle_id: str) -> None:
        if bundle_id == self.coder.bundle_id:
            record_bundle(connection, self.coder)

    def _read(self, engine: Engine, query: ReviewsQuery, visit: Visit) -> ReviewsAnswer:
        with read(engine) as connection:
            codes = None if query.note_id is None else self._codes_to_read(connection, query.note_id, visit)
            rows = repository.find_reviews(connection, query.note_id, query.since, query.after, query.limit + 1)
            page = rows[: query.limit]
            actions = repository.actions_of(connection, [row.review_id for row in page])
        read_notes = [] if query.note_id is None else [query.note_id]
        write_entry(engine, visit.entry(list(dict.fromkeys([*read_notes, *(row.note_id for row in page)]))))
        return ReviewsAnswer(
            reviews=[
                StoredReview(**row._asdict(), actions=[_done(action) for action in actions[row.review_id]])
                for row in page
            ],
            next_after=page[-1].review_id if len(rows) > len(page) else None,
            codes=None if codes is None else self._titled(codes),
        )

    def _codes_to_read(self, connection: Connection, note_id: str, visit: Visit) -> list[Code]:
        """The codes of a note; without the scope neighbours a note that nobody reviewed is as unknown as no note."""
        note = _note(connection, note_id)
        if not visit.may(Scope.NEIGHBOURS) and not repository.find_reviews(connection, note_id, None, 0, 1):
            raise _unknown()
        return _codes(connection, note)

    def _export(self, engine: Engine, system: str | None, visit: Visit) -> Iterator[str]:
        with read(engine) as connection:
            chosen = chosen_system(connection, system)
            note_ids = repository.reviewed_note_ids(connection)
        write_entry(engine, visit.entry(note_ids))
        return table_lines(engine, note_ids, chosen, visit.may(Scope.TEXT))

    def _titled(self, codes: Sequence[Code]) -> list[CodeTitle]:
        columns = [self.tree.codes.column(code) for code in codes]
        titles = ["" if column is None else self.tree.codes[column].title for column in columns]
        return [
            CodeTitle(system=code.system, code=code.code, title=title)
            for code, title in zip(codes, titles, strict=True)
        ]

    def _warnings(self, actions: Sequence[Action]) -> list[str]:
        added = [action.code for action in actions if action.kind is ActionKind.ADD]
        return [
            f"the bundle has no code '{code.code}' of {code.system}: it was added as it was written"
            for code in dict.fromkeys(added)
            if self.tree.codes.column(code) is None
        ]

    def _database(self) -> Engine:
        if self.engine is None:
            raise NoDatabase("reviews need a database: start `icd-coder serve --database URL`")
        return self.engine


def _note(connection: Connection, note_id: str) -> ReviewedNote:
    row = repository.note_row(connection, note_id)
    if row is None:
        raise _unknown()
    return ReviewedNote(row, note_id, None, None)


def _unknown() -> UnknownNote:
    return UnknownNote("no note is stored under this note_id: store it with POST /v1/notes first")


def _codes(connection: Connection, note: ReviewedNote) -> list[Code]:
    return repository.current_codes(connection, [note])[note.note_id]


def _done(action: Action) -> DoneAction:
    return DoneAction(
        action=action.kind.value, system=action.code.system, code=action.code.code, position=action.position
    )
