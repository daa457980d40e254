"""What search reads of a document: its chunks, their vectors and their lexemes."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.db import connection

from knowledge.ingestion.split import Passage
from knowledge.models import ChunkEmbedding, Document, DocumentChunk, Posting

# The text search configuration of PostgreSQL that makes lexemes of chunks and of questions.
TEXT_SEARCH_CONFIGURATION = "english"

_INSERTED_AT_ONCE = 500

_INSERT_POSTINGS = """
WITH inserted AS (
    INSERT INTO knowledge_posting
        (organization_id, lexeme, chunk_id, document_id, frequency, length)
    SELECT chunk.organization_id, word.lexeme, chunk.id, chunk.document_id,
        cardinality(word.positions), total.length
    FROM knowledge_documentchunk chunk
    CROSS JOIN LATERAL
        to_tsvector(%(configuration)s, chunk.heading || E'\n' || chunk.content) AS words
    CROSS JOIN LATERAL unnest(words) AS word
    CROSS JOIN LATERAL (SELECT sum(cardinality(positions)) FROM unnest(words)) AS total(length)
    WHERE chunk.organization_id = %(organization)s AND chunk.document_id = %(document)s
    RETURNING frequency
)
SELECT coalesce(sum(frequency), 0) FROM inserted
"""


# Completed documents whose postings are not what their passages say, or whose count is not.
_WRONG_POSTINGS = """
WITH asked AS (
    SELECT id, lexeme_count FROM knowledge_document
    WHERE organization_id = %(organization)s AND id = ANY(%(documents)s)
      AND processing_status = 'completed'
), expected AS (
    SELECT word.lexeme, chunk.id AS chunk_id, chunk.document_id,
        cardinality(word.positions) AS frequency, total.length
    FROM asked
    JOIN knowledge_documentchunk chunk
        ON chunk.organization_id = %(organization)s AND chunk.document_id = asked.id
    CROSS JOIN LATERAL
        to_tsvector(%(configuration)s, chunk.heading || E'\n' || chunk.content) AS words
    CROSS JOIN LATERAL unnest(words) AS word
    CROSS JOIN LATERAL (SELECT sum(cardinality(positions)) FROM unnest(words)) AS total(length)
), stored AS (
    SELECT posting.lexeme, posting.chunk_id, posting.document_id, posting.frequency, posting.length
    FROM asked
    JOIN knowledge_documentchunk chunk
        ON chunk.organization_id = %(organization)s AND chunk.document_id = asked.id
    JOIN knowledge_posting posting
        ON posting.organization_id = chunk.organization_id AND posting.chunk_id = chunk.id
)
SELECT document_id FROM (SELECT * FROM expected EXCEPT SELECT * FROM stored) missing
UNION
SELECT document_id FROM (SELECT * FROM stored EXCEPT SELECT * FROM expected) additional
UNION
SELECT asked.id FROM asked LEFT JOIN expected ON expected.document_id = asked.id
GROUP BY asked.id, asked.lexeme_count
HAVING asked.lexeme_count <> coalesce(sum(expected.frequency), 0)
"""

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
) -> int:
    """Make these the passages of a document, instead of what it had; return how many lexemes.

    `vectors` has a row of unit length for each passage. The caller acts for the organization and
    holds the document's row.
    """
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
    return _insert_postings(document)


def _remove_passages(document: Document) -> None:
    """Remove them for good, children first; nothing that people made refers to them."""
    chunks = DocumentChunk.all_objects.filter(document_id=document.pk)
    for children in (Posting, ChunkEmbedding):
        of_chunks = children.objects.filter(chunk__in=chunks.values("pk"))
        of_chunks._raw_delete(of_chunks.db)
    chunks._raw_delete(chunks.db)


def _insert_postings(document: Document) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_POSTINGS,
            {
                "configuration": TEXT_SEARCH_CONFIGURATION,
                "organization": document.organization_id,
                "document": document.pk,
            },
        )
        return cursor.fetchone()[0]


def counts_of(organization_id: UUID, documents: Collection[UUID]) -> Iterator[Counts]:
    """Count what is there of these documents. The caller acts for the organization."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"organization": organization_id, "documents": list(documents)})
        yield from (Counts(*row) for row in cursor.fetchall())


def wrong_postings(organization_id: UUID, documents: Collection[UUID]) -> set[UUID]:
    """Those of these completed documents whose postings or lexeme count are not what their passages
    say. The caller acts for the organization."""
    with connection.cursor() as cursor:
        cursor.execute(
            _WRONG_POSTINGS,
            {
                "configuration": TEXT_SEARCH_CONFIGURATION,
                "organization": organization_id,
                "documents": list(documents),
            },
        )
        return {document_id for (document_id,) in cursor.fetchall()}


def rebuild_postings(document: Document) -> int:
    """Make the postings of a document anew from its passages; return how many lexemes it has. The
    caller acts for the organization and holds the document's row."""
    chunks = DocumentChunk.all_objects.filter(document_id=document.pk)
    postings = Posting.objects.filter(chunk__in=chunks.values("pk"))
    postings._raw_delete(postings.db)
    return _insert_postings(document)
