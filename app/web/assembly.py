"""The parts of the service that belong to one bundle, made for a coder over the service's database."""

from sqlalchemy import Engine

from app.audit.service import AuditService
from app.catalogue.code_tree import CodeTree
from app.catalogue.service import Catalogue
from app.catalogue.title_words import TitleWords
from app.coding.recording import Recorder
from app.coding.service import build_service
from app.inference.worker import Coder, Inference
from app.neighbours.index import NeighbourIndex, index_on
from app.notes.service import NoteService
from app.reviews.service import ReviewService
from app.settings import Settings
from app.web.metrics import Metrics
from app.web.state import BundleServices
from model.errors import InvalidOption


def assemble(settings: Settings, engine: Engine | None, metrics: Metrics, coder: Coder) -> BundleServices:
    """The coder with its line of notes, and the neighbours of its own embedding; nothing runs yet.

    Raises:
        InvalidOption: codings are to be recorded, and there is no database.
        EmbeddingMismatch: the database holds the embeddings of other bundles alone.
        DatabaseUnavailable: it cannot be read.
    """
    index: NeighbourIndex | None = None
    if engine is not None:
        index = index_on(engine, coder.embedding_id, coder.embedding_dim)
    inference = Inference(coder, settings.max_waiting, settings.torch_threads, settings.deadline_seconds, metrics.coded)
    coding = build_service(settings, coder, inference, index, metrics.stage)
    return BundleServices(
        coder=coder,
        coding=coding,
        auditing=AuditService(coding, index),
        catalogue=_catalogue(coder, coding.tree, index),
        notes=NoteService(coder, inference, coding.tree, index, settings.max_characters, settings.store_text),
        reviews=ReviewService(coder, coding.tree, engine),
        index=index,
        recorder=_recorder(settings, coder, index),
    )


def _catalogue(coder: Coder, tree: CodeTree, index: NeighbourIndex | None) -> Catalogue:
    policies = coder.threshold_policies(with_neighbours=index is not None)
    return Catalogue(coder.bundle_id, tree, TitleWords(coder.codes), policies)


def _recorder(settings: Settings, coder: Coder, index: NeighbourIndex | None) -> Recorder | None:
    if not settings.record_codings:
        return None
    if index is None:
        raise InvalidOption("ICD_CODER_RECORD_CODINGS needs a database: name one with --database, or unset it")
    return Recorder(coder)
