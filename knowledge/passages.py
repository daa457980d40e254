"""What search reads of a document: its chunks, their vectors and their lexemes."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.db import connection

from knowledge.ingestion.split import Passage
from knowledge.language import tell_language
from knowledge.models import ChunkEmbedding, Document, DocumentChunk
from knowledge.postings import index_document, language_of_postings, remove_postings

# What of a document changes with its postings.
PLACED = ("language", "place", "lexeme_count")

_INSERTED_AT_ONCE = 500
_TELLING = 20  # passages, the first ones, tell the language


_COUNTS = """
SELECT document.id, document.processing_status = 'completed', document.is_deleted,
    document.chunk_count, count(chunk.id),
    count(chunk.id) FILTER (WHERE chunk.is_deleted <> document.is_deleted),
    count(vector.chunk_id) FILTER (
        WHERE vector.embedding_model = document.embedding_model
          AND vector.document_id = document.id
    )
FROM knowledge_document document
LEFT JOIN knowledge_documentchunk chunk
    ON chunk.organization_id = document.organization_id AND chunk.document_id = document.id
LEFT JOIN knowledge_chunkembedding vector
    ON vector.organization_id = chunk.organization_id AND vector.chunk_id = chunk.id
WHERE document.organization_id = %(organization)s AND document.id = ANY(%(documents)s)
GROUP BY document.organization_id, document.id, document.processing_status,
    document.is_deleted, document.chunk_count
"""


class Counts(NamedTuple):
    """What a document says (`is_completed`, `is_deleted`, `said`) and what its tables have: all
    chunks, those that are living while it is deleted or the other way round (`astray`), and the
    vectors of its own embedding model."""

    document_id: UUID
    is_completed: bool
    is_deleted: bool
    said: int
    chunks: int
    astray: int
    vectors: int


def replace_passages(
    document: Document, passages: Sequence[Passage], vectors: np.ndarray, *, embedding_model: str
) -> None:
    """Make these the passages of a document, instead of what it had, and tell its language.

    `vectors` has a row of unit length for each passage. The caller acts for the organization, holds
    the document's row and saves its `PLACED`.
    """
    document.refresh_from_db(fields=["is_language_chosen", *PLACED])
    if not document.is_language_chosen:
        document.language = tell_language(passage.content for passage in passages)
    _remove_passages(document)
    chunks = [
        DocumentChunk(
            organization_id=document.organization_id,
            document=document,
            position=passage.position,
            page=passage.page,
            heading=passage.heading,
            start=passage.start,
            end=passage.end,
            content=passage.content,
        )
        for passage in passages
    ]
    DocumentChunk.objects.bulk_create(chunks, batch_size=_INSERTED_AT_ONCE)
    ChunkEmbedding.objects.bulk_create(
        (
            ChunkEmbedding(
                organization_id=document.organization_id,
                chunk=chunk,
                document_id=document.pk,
                embedding=vector,
                embedding_model=embedding_model,
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
        ),
        batch_size=_INSERTED_AT_ONCE,
    )
    index_document(document)


def _remove_passages(document: Document) -> None:
    """Remove them for good, children first; nothing that people made refers to them."""
    remove_postings(document.organization_id, [document])
    chunks = DocumentChunk.all_objects.filter(document_id=document.pk)
    embeddings = ChunkEmbedding.objects.filter(chunk__in=chunks.values("pk"))
    embeddings._raw_delete(embeddings.db)
    chunks._raw_delete(chunks.db)


def told_by_passages(document: Document) -> str:
    """The language that the passages of a document tell; as it is when there are none."""
    chunks = DocumentChunk.objects.filter(document=document).order_by("position")
    texts = list(chunks.values_list("content", flat=True)[:_TELLING])
    return tell_language(texts) if texts else document.language


def write_postings(document: Document) -> None:
    """Write the postings that a document has anew, if they are of another language than its own.

    The caller acts for the organization, holds the document's row and saves its `PLACED`.
    """
    if language_of_postings(document) not in (None, document.language):
        rebuild_postings(document)


def rebuild_postings(document: Document) -> None:
    """Write the postings of a document anew. The caller does as for `write_postings`."""
    remove_postings(document.organization_id, [document])
    index_document(document)


def counts_of(organization_id: UUID, documents: Collection[UUID]) -> Iterator[Counts]:
    """Count what is there of these documents. The caller acts for the organization."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"organization": organization_id, "documents": list(documents)})
        yield from (Counts(*row) for row in cursor.fetchall())
