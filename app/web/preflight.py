"""What ``icd-coder serve --check`` says: everything is opened as for serving, then closed again."""

from fastapi import FastAPI

from app.database.engine import database_name
from app.settings import Settings
from app.web.state import ServiceState


def described_service(app: FastAPI, settings: Settings, no_auth: bool) -> list[str]:
    """Lines on what would be served; the database is read and closed.

    Raises:
        DatabaseUnavailable: it cannot be read.
    """
    state: ServiceState = app.state.active_bundle.now
    coder, index = state.coder, state.index
    lines = [
        f"bundle    {coder.bundle_id[:12]}, {len(coder.labels.labels)} codes, precision {coder.precision}",
        f"embedding {coder.embedding_id[:12]}, {coder.embedding_dim} values",
        f"database  {'none: no neighbours' if settings.database is None else database_name(settings.database)}",
        f"keys      {'none are asked for' if no_auth else 'asked for, the secret fits the database'}",
        f"tokens    {'none are let in' if no_auth or settings.oidc_issuer is None else f'of {settings.oidc_issuer}'}",
        f"metrics   {settings.metrics}",
        f"limits    {settings.max_characters} characters, {settings.max_body_bytes} bytes, "
        f"{settings.deadline_seconds} seconds a note, {settings.max_waiting} waiting",
    ]
    if index is not None:
        try:
            index.check()
        finally:
            index.engine.dispose()
    return lines
