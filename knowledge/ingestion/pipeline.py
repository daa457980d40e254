"""Read a document from its stored file to passages that can be found, step by step.

Each step is a transaction of its own, and none is open while a file is read or passages are
embedded. The document's row says whose turn it is: a run claims it by counting an attempt, and what
the run has made is kept only if no other has claimed the document since.
"""

import logging
from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
from django.utils import timezone

from knowledge.attachments import attach
from knowledge.embedding import embedder, normalized_mean, text_to_embed
from knowledge.files import FileMissing, local_copy, share_bytes
from knowledge.ingestion.confine import read_in_child
from knowledge.ingestion.progress import listening
from knowledge.ingestion.reading import Reading, UnreadableDocument
from knowledge.ingestion.split import Passage, split
from knowledge.models import Document
from knowledge.passages import PLACED, replace_passages
from knowledge.progress import NO_PROGRESS, Progress
from tenants.context import acting_for

MAX_ATTEMPTS = 3
EMBEDDED_AT_ONCE = 32  # passages; between these a worker that is told to end looks up

INTERRUPTED = (
    f"Reading was interrupted {MAX_ATTEMPTS} times and given up. Have the document read again;"
    " if that does not help, split it into parts."
)
UNEXPECTED = (
    f"Reading failed {MAX_ATTEMPTS} times for a reason that is not the document's. The log of this"
    " installation has the cause; have the document read again once it is removed."
)
MISSING = "The stored file is missing. Upload the document again."

logger = logging.getLogger(__name__)


class _Stopped(Exception):
    """The worker is to end before the document is read."""


def ingest(
    organization_id: UUID,
    document_id: UUID,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    read: Callable[..., Reading] = read_in_child,
) -> None:
    """Read one document, if it waits for that. It may be called twice, even at the same time.

    What the file is to blame for becomes the document's error. What it is not is raised, after
    letting the document wait for another attempt, of which there are MAX_ATTEMPTS.
    """
    document = _claim(organization_id, document_id)
    if document is None:
        return
    progress = Progress(document)
    try:
        with local_copy(document) as path, listening(progress.pages):
            reading = read(path, filename=document.filename)
        attach(document, reading)
        passages, vectors = _passages(reading, progress, should_stop)
        _complete(document, reading, passages, vectors)
        share_bytes(document)
    except UnreadableDocument as error:
        _fail(document, error.reason)
    except FileMissing:
        _fail(document, MISSING)
    except _Stopped:
        _put_back(document, attempts=document.attempts - 1)
    except Exception:
        if document.attempts >= MAX_ATTEMPTS:
            _fail(document, UNEXPECTED)
        else:
            _put_back(document, attempts=document.attempts)
        raise


def _claim(organization_id: UUID, document_id: UUID) -> Document | None:
    """Count an attempt; None when the document is read, deleted or has had its attempts."""
    with acting_for(organization_id):
        waiting = Document.objects.filter(
            pk=document_id,
            processing_status__in=[Document.Status.PENDING, Document.Status.PROCESSING],
        )
        document = waiting.select_for_update(no_key=True).defer("embedding").first()
        if document is None:
            return None
        if document.attempts >= MAX_ATTEMPTS:
            document.processing_status = Document.Status.FAILED
            document.error = INTERRUPTED
        else:
            document.processing_status = Document.Status.PROCESSING
            document.attempts += 1
        vars(document).update(NO_PROGRESS)
        document.save(
            update_fields=["processing_status", "attempts", "error", "updated_at", *NO_PROGRESS]
        )
    return document if document.processing_status == Document.Status.PROCESSING else None


def _passages(
    reading: Reading, progress: Progress, should_stop: Callable[[], bool]
) -> tuple[Sequence[Passage], np.ndarray]:
    """The passages of a reading, and a unit vector for each, float32 (passages, 384)."""
    model = embedder()
    passages = split(reading, tokenizer=model.tokenizer, capacity=model.capacity)
    if not passages:
        raise UnreadableDocument("The file contains no text.")
    vectors = []
    for at in range(0, len(passages), EMBEDDED_AT_ONCE):
        if should_stop():
            raise _Stopped
        progress.chunks(at, len(passages))
        some = passages[at : at + EMBEDDED_AT_ONCE]
        vectors.append(
            model.embed([text_to_embed(passage.heading, passage.content) for passage in some])
        )
    return passages, np.concatenate(vectors)


def _complete(
    document: Document, reading: Reading, passages: Sequence[Passage], vectors: np.ndarray
) -> None:
    """Make the document findable, wholly; do nothing when it is deleted or another's by now."""
    embedding_model = embedder().name
    with acting_for(document.organization_id):
        claimed = Document.objects.claimed_by(document)
        if not list(claimed.select_for_update(no_key=True).values_list("pk")):
            logger.info("The reading of %s came too late.", document.pk)
            return
        replace_passages(document, passages, vectors, embedding_model=embedding_model)
        document.content = reading.content
        document.page_count = reading.page_count
        document.chunk_count = len(passages)
        document.embedding = normalized_mean(vectors)
        document.embedding_model = embedding_model
        document.is_processed = True
        document.processing_status = Document.Status.COMPLETED
        document.error = ""
        vars(document).update(NO_PROGRESS)
        document.save(
            update_fields=[
                *PLACED,
                "content",
                "page_count",
                "chunk_count",
                "embedding",
                "embedding_model",
                "is_processed",
                "processing_status",
                "error",
                "updated_at",
                *NO_PROGRESS,
            ]
        )


def _fail(document: Document, reason: str) -> None:
    with acting_for(document.organization_id):
        Document.objects.claimed_by(document).update(
            processing_status=Document.Status.FAILED,
            error=reason,
            updated_at=timezone.now(),
            **NO_PROGRESS,
        )


def _put_back(document: Document, *, attempts: int) -> None:
    """Let the document wait; the sweep queues it again."""
    with acting_for(document.organization_id):
        Document.objects.claimed_by(document).update(
            processing_status=Document.Status.PENDING,
            attempts=attempts,
            updated_at=timezone.now(),
            **NO_PROGRESS,
        )
