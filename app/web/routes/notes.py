"""``/v1/notes``: store, read and delete notes."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.notes.schemas import NoteRequest
from app.web.authorization import ByAdmin, ByNeighbours
from app.web.dependencies import Notes
from app.web.problems import KEYED, documented
from app.wire import Identifier
from icd_coder_client.notes import NoteDeleted, NoteKept, StoredNote

router = APIRouter(prefix="/v1/notes", tags=["notes"])
ONE = "/{note_id:path}"  # an id may contain a slash
NoteId = Annotated[Identifier, Path()]


@router.post(
    "",
    status_code=201,
    responses={200: {"model": NoteKept}, **documented(400, *KEYED, 408, 409, 413, 415, 422, 500, 503)},
)
async def store(request: NoteRequest, visit: ByAdmin, notes: Notes, response: Response) -> NoteKept:
    """Store a note with its assigned codes among the notes that can be neighbours; 200 where it is there already."""
    kept = await notes.store(request, visit)
    response.status_code = 201 if kept.created else 200
    return kept


@router.get(ONE, response_model_exclude_none=True, responses=documented(*KEYED, 404, 409, 422, 500, 503))
async def read(note_id: NoteId, visit: ByNeighbours, notes: Notes) -> StoredNote:
    """A stored note with its assigned codes, and its text for a key with the scope text."""
    return await notes.read(note_id, visit)


@router.delete(ONE, responses=documented(*KEYED, 404, 409, 422, 500, 503))
async def delete(note_id: NoteId, visit: ByAdmin, notes: Notes) -> NoteDeleted:
    """Delete a note with its codes, embeddings of every bundle, codings and reviews; the access log keeps its id."""
    return await notes.delete(note_id, visit)
