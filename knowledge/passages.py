"""What search reads of a document: its chunks, their vectors and their lexemes."""

from collections.abc import Sequence

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
