"""Many passages at once, as the owner of the database copies them in: no file is read."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from pgvector import HalfVector

from common.ids import uuid7
from knowledge.baker_recipes import document as document_recipe
from knowledge.embedding import embedder
from knowledge.models import DIMENSIONS, Document
from tenants.context import acting_for
from tenants.testing import as_owner

TOPICS = 30
_COLUMNS = {
    "knowledge_documentchunk": "organization_id, id, document_id, created_at, updated_at,"
    ' is_deleted, position, heading, start, "end", content',
    "knowledge_chunkembedding": "organization_id, chunk_id, document_id, embedding,"
    " embedding_model",
}


@dataclass
class Filled:
    """What an organization was filled with: row by row a vector, its chunk and its document."""

    documents: list[UUID]
    chunks: list[UUID]
    of: list[UUID]
    vectors: np.ndarray

    def nearest(self, vector: np.ndarray, documents: Any = None, count: int = 10) -> list[UUID]:
        """The chunks whose vectors are nearest to this one, among those of some documents."""
        seen = [i for i, of in enumerate(self.of) if documents is None or of in documents]
        similarity = self.vectors[seen] @ vector
        return [self.chunks[seen[i]] for i in np.argsort(-similarity, kind="stable")[:count]]


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def fill(organization: Any, *, documents: int, each: int, seed: int = 1, **fields: Any) -> Filled:
    """Give an organization so many completed documents with so many passages each."""
    random = np.random.default_rng(seed)
    topics = unit(random.normal(size=(TOPICS, DIMENSIONS)))
    n = documents * each
    spread = random.normal(size=(n, DIMENSIONS)) * 0.04
    halves = unit(topics[random.integers(0, TOPICS, n)] + spread).astype(np.float16)
    model = embedder().name
    with acting_for(organization):
        made = Document.objects.bulk_create(
            document_recipe.prepare(
                _quantity=documents,
                organization_id=organization.pk,
                processing_status="completed",
                is_processed=True,
                chunk_count=each,
                lexeme_count=each,
                embedding=halves[0].astype(np.float32),
                embedding_model=model,
                **fields,
            )
        )
    ids = [document.pk for document in made]
    of = [pk for pk in ids for _ in range(each)]
    chunks = [uuid7() for _ in of]
    times = (made[0].created_at, made[0].created_at)
    _copy(
        "knowledge_documentchunk",
        (
            (organization.pk, chunk, document, *times, False, position, "", 0, 1, "x")
            for position, (chunk, document) in enumerate(zip(chunks, of, strict=True))
        ),
    )
    _copy(
        "knowledge_chunkembedding",
        (
            (organization.pk, chunk, document, HalfVector(half).to_text(), model)
            for chunk, document, half in zip(chunks, of, halves, strict=True)
        ),
    )
    return Filled(ids, chunks, of, halves.astype(np.float32))


def _copy(table: str, rows: Any) -> None:
    with as_owner(), connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"ANALYZE {table}")
