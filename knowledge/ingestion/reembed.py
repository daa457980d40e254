"""New vectors for what was read before another model was chosen; the passages stay as they are."""

import logging
from collections.abc import Callable
from uuid import UUID

import numpy as np
from django.utils import timezone

from knowledge.embedding import embedder, normalized_mean, text_to_embed
from knowledge.models import ChunkEmbedding, Document, DocumentChunk, DocumentQuerySet
from tenants.context import acting_for

EMBEDDED_AT_ONCE = 32  # passages; between these a worker that is told to end looks up
_WRITTEN_AT_ONCE = 500

logger = logging.getLogger(__name__)


def of_another_model() -> DocumentQuerySet:
    """Documents whose vectors are not those of the embedder in use: only their words find them."""
    read = Document.objects.filter(processing_status=Document.Status.COMPLETED)
    return read.exclude(embedding_model=embedder().name)


def reembed(
    organization_id: UUID, document_id: UUID, *, should_stop: Callable[[], bool] = lambda: False
) -> bool:
    """Embed the passages of a document anew; False when there was nothing to do, or no time.

    No transaction is open while the model works. Until the one at the end the document has its old
    vectors, all of them, so it may be interrupted and run twice. Raises EmbedderUnavailable.
    """
    with acting_for(organization_id):
        if not of_another_model().filter(pk=document_id).exists():
            return False
        passages = _passages(document_id)
    model = embedder()
    vectors = []
    for at in range(0, len(passages), EMBEDDED_AT_ONCE):
        if should_stop():
            return False
        some = passages[at : at + EMBEDDED_AT_ONCE]
        vectors.append(model.embed([text_to_embed(heading, text) for _, heading, text in some]))
    with acting_for(organization_id):
        asked = of_another_model().filter(pk=document_id)
        document = asked.select_for_update(no_key=True).defer("content", "embedding").first()
        if document is None or _passages(document_id) != passages:
            logger.info("The new vectors of %s came too late.", document_id)
            return False
        _replace_vectors(document, [pk for pk, _, _ in passages], np.concatenate(vectors))
    return True


def _passages(document_id: UUID) -> list[tuple[UUID, str, str]]:
    chunks = DocumentChunk.objects.filter(document_id=document_id).order_by("position")
    return list(chunks.values_list("pk", "heading", "content"))


def _replace_vectors(document: Document, chunks: list[UUID], vectors: np.ndarray) -> None:
    name = embedder().name
    vector_of = dict(zip(chunks, vectors, strict=True))
    stored = list(ChunkEmbedding.objects.filter(chunk__in=chunks).defer("embedding"))
    for row in stored:
        row.embedding, row.embedding_model = vector_of[row.pk], name
    fields = ["embedding", "embedding_model"]
    ChunkEmbedding.objects.bulk_update(stored, fields, batch_size=_WRITTEN_AT_ONCE)
    Document.objects.filter(pk=document.pk).update(
        embedding=normalized_mean(vectors), embedding_model=name, updated_at=timezone.now()
    )
