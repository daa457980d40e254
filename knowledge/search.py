"""Search: one ranking of passages for the API, the agents, the admin and every other face.

One statement picks the documents that the asking user may see, ranks their passages by the words of
the query (BM25), by its meaning (cosine) or by both, and returns the best. What a user may not see
counts for nothing in it, not even for how rare a word is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection

from knowledge import nearest
from knowledge.ingestion.clean import clean_text
from knowledge.ingestion.embed import local_embedder
from knowledge.models import Document, DocumentQuerySet
from knowledge.passages import TEXT_SEARCH_CONFIGURATION
from tenants.context import current_organization_id
from tenants.grants import EVERYTHING
from tenants.models import Project, User

Mode = Literal["hybrid", "vector", "text"]

MAX_QUERY_CHARACTERS = 4_000
MAX_WORDS = 32  # of a long query the rarest count: the others cost much and say little
POOL = 100  # passages of each ranking that go into the fused one

# The parts of the statements. Each condition on an organization's rows names it, beside the policy.
# Only `visible` is filled in, with what Django makes of a queryset; its values are parameters, too.
# `IS TRUE` keeps the planner from making a join of the condition, which it may turn inside out (all
# postings of a word for each document): the documents are hashed once, and each row looked up.
_VISIBLE = """visible AS MATERIALIZED ({visible})"""

# Okapi BM25, k1 = 1.2 and b = 0.75: further occurrences of a word count for less and less, and for
# less in a passage that is longer than the mean. Scores are rounded (`real`), because the order in
# which their terms are added up is the planner's.
_LEXICAL = """
corpus AS MATERIALIZED (
    SELECT sum(chunk_count)::float8 AS chunks,
        sum(lexeme_count)::float8 / sum(chunk_count) AS mean_length
    FROM visible
),
words AS MATERIALIZED (
    SELECT unnest(tsvector_to_array(to_tsvector(%(configuration)s, %(query)s))) AS lexeme
),
rarity AS MATERIALIZED (
    SELECT words.lexeme, ln(1 + (corpus.chunks - found.chunks + 0.5) / (found.chunks + 0.5)) AS idf
    FROM corpus, words, LATERAL (
        SELECT count(*)::float8 AS chunks FROM knowledge_posting posting
        WHERE posting.organization_id = %(organization)s AND posting.lexeme = words.lexeme
            AND (posting.document_id IN (SELECT id FROM visible)) IS TRUE
    ) found
    WHERE found.chunks > 0
    ORDER BY found.chunks, words.lexeme
    LIMIT %(words)s
),
lexical AS MATERIALIZED (
    SELECT chunk_id, score, row_number() OVER (ORDER BY score DESC, chunk_id) AS place
    FROM (
        SELECT posting.chunk_id,
            sum(
                rarity.idf * 2.2::float8 * posting.frequency
                / (posting.frequency + 0.3::float8 + 0.9::float8 * posting.length / mean_length)
            )::real AS score
        FROM corpus, rarity, knowledge_posting posting
        WHERE posting.organization_id = %(organization)s AND posting.lexeme = rarity.lexeme
            AND (posting.document_id IN (SELECT id FROM visible)) IS TRUE
        GROUP BY posting.chunk_id
        ORDER BY score DESC, posting.chunk_id
        LIMIT %(pool)s
    ) best
)"""

_BY_WORDS = "ranking AS (SELECT chunk_id, score, score AS lexical FROM lexical)"
_BY_MEANING = "ranking AS (SELECT chunk_id, score, NULL::real AS lexical FROM nearest)"
# Reciprocal rank fusion with its usual constant.
_BY_BOTH = """
ranking AS (
    SELECT chunk_id, lexical.score AS lexical,
        coalesce(1.0 / (60 + lexical.place), 0) + coalesce(1.0 / (60 + nearest.place), 0) AS score
    FROM lexical FULL JOIN nearest USING (chunk_id)
)"""

_HITS = """
SELECT visible.id, visible.filename, visible.file_type,
    chunk.id, chunk.position, chunk.page, chunk.heading, chunk.content,
    best.score::float8, -(embedding.embedding <#> %(vector)s::halfvec), best.lexical::float8
FROM (SELECT * FROM ranking ORDER BY score DESC, chunk_id LIMIT %(top_k)s) best
JOIN knowledge_documentchunk chunk
    ON chunk.organization_id = %(organization)s AND chunk.id = best.chunk_id
    AND NOT chunk.is_deleted
JOIN visible ON visible.id = chunk.document_id
LEFT JOIN knowledge_chunkembedding embedding
    ON embedding.organization_id = %(organization)s AND embedding.chunk_id = best.chunk_id
    AND embedding.embedding_model = %(embedding_model)s
ORDER BY best.score DESC, best.chunk_id
"""

_STATEMENTS = {
    mode: "WITH " + ",".join([_VISIBLE, *parts]) + _HITS
    for mode, parts in {
        "hybrid": [_LEXICAL, nearest.NEAREST, _BY_BOTH],
        "vector": [nearest.NEAREST, _BY_MEANING],
        "text": [_LEXICAL, _BY_WORDS],
    }.items()
}
_VECTOR_OF_ALL = (
    f"WITH {_VISIBLE.replace('AS', 'AS NOT', 1)},{nearest.NEAREST_OF_ALL},{_BY_MEANING}{_HITS}"
)


@dataclass(frozen=True)
class SearchFilters:
    """What must hold for a document; None asks nothing. `metadata` must be contained in its own."""

    document: Sequence[UUID] | None = None
    file_type: Sequence[str] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: dict[str, Any] | None = None

    def apply(self, documents: DocumentQuerySet) -> DocumentQuerySet:
        conditions = {
            "pk__in": self.document,
            "file_type__in": self.file_type,
            "created_at__gte": self.created_after,
            "created_at__lt": self.created_before,
            "metadata__contains": self.metadata,
        }
        return documents.filter(**{k: v for k, v in conditions.items() if v is not None})


@dataclass(frozen=True)
class Hit:
    """A passage that was found. The higher the score, the better; it compares within one search.

    `similarity` is the cosine to the query's vector, None without one. `lexical` is the BM25 score,
    None when the passage is not among the best of that ranking.
    """

    document_id: UUID
    filename: str
    file_type: str
    chunk_id: UUID
    position: int
    page: int | None
    heading: str
    content: str
    score: float
    similarity: float | None
    lexical: float | None


def embed_query(text: str) -> np.ndarray:
    """The unit vector of a question, float32 (384,). Asks no database."""
    return local_embedder().embed([clean_text(text)])[0]


def search(
    *,
    user: User,
    query: str,
    vector: np.ndarray | None,
    top_k: int = 10,
    mode: Mode = "hybrid",
    project: Project | None = None,
    filters: SearchFilters | None = None,
) -> list[Hit]:
    """The best passages for a query among what the user may see, best first; ties by chunk id.

    `vector` is `embed_query(query)`; the mode "text" does without. In a project are its own
    documents, those of the whole organization and those granted to the user. The caller acts for
    the user's organization.
    """
    documents = Document.objects.visible_to(user).searchable()
    sees_everything = (
        project is None and filters is None and Document.objects.reach(user) is EVERYTHING
    )
    if project is not None:
        documents = documents.at_hand_in(project, user)
    if filters is not None:
        documents = filters.apply(documents)
    try:
        visible, parameters = _compiled(documents)
    except EmptyResultSet:
        return []
    if mode != "text" and vector is None:
        raise ValueError(f"The mode {mode} needs the vector of the query.")
    parameters |= nearest.parameters(
        organization_id=current_organization_id(),
        vector=vector,
        embedding_model="" if vector is None else local_embedder().name,
    )
    parameters |= {
        "configuration": TEXT_SEARCH_CONFIGURATION,
        "query": clean_text(query[:MAX_QUERY_CHARACTERS]),
        "words": MAX_WORDS,
        "pool": max(POOL, top_k),
        "top_k": top_k,
    }
    with connection.cursor() as cursor:
        if mode != "text":
            cursor.execute(nearest.SETTINGS)
        cursor.execute(_statement(mode, visible, sees_everything=sees_everything), parameters)
        return [Hit(*row) for row in cursor.fetchall()]


def _statement(mode: Mode, visible: str, *, sees_everything: bool) -> str:
    if mode == "vector" and sees_everything:
        return _VECTOR_OF_ALL.format(visible=visible)
    return _STATEMENTS[mode].format(visible=visible)


def _compiled(documents: DocumentQuerySet) -> tuple[str, dict[str, Any]]:
    """The statement of a queryset, and its parameters by name: one predicate, not two copies."""
    columns = documents.order_by().values(
        "id", "filename", "file_type", "chunk_count", "lexeme_count"
    )
    sql, values = columns.query.sql_with_params()
    parameters = {f"visible_{number}": value for number, value in enumerate(values)}
    names = iter(parameters)
    return re.sub("%s", lambda _: f"%({next(names)})s", sql), parameters
