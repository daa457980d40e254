"""The statement of a search, and what it is asked with and answers.

One statement picks the documents that the asking user may see, ranks their passages by the words of
the query (BM25), by its meaning (cosine) or by both, and returns the best. What a user may not see
counts for nothing in it, not even for how rare a word is.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

import numpy as np
from django.db import connection

from knowledge.embedding import embedder
from knowledge.ingestion.clean import clean_text
from knowledge.search import fusion, lexical, nearest
from knowledge.search.snippets import Snippet, Span, cut_snippet, find_words
from knowledge.search.visible import SearchFilters, Visible, visible
from tenants.context import current_organization_id
from tenants.models import Project, User

Mode = Literal["hybrid", "vector", "text"]

MAX_QUERY_CHARACTERS = 4_000

# The parts of the statements. Each condition on an organization's rows names it, beside the policy.
# Only `visible` is filled in, with what Django makes of a queryset; its values are parameters, too.
# `IS TRUE` keeps the planner from making a join of the condition, which it may turn inside out (all
# postings of a word for each document): the documents are hashed once, and each row looked up.
_VISIBLE = """visible AS MATERIALIZED ({visible})"""

# The words of a passage that stand for one of the query's (12 is what is between words).
_MARKED = """
CASE WHEN %(marked)s THEN ARRAY(
    SELECT DISTINCT token FROM ts_parse('default', chunk.content)
    WHERE tokid <> 12 AND tsvector_to_array(to_tsvector(document.language::regconfig, token))
        && tsvector_to_array(to_tsvector(document.language::regconfig, %(query)s))
) END"""
_DOCUMENT = """
JOIN knowledge_document document
    ON document.organization_id = %(organization)s AND document.id = chunk.document_id"""

_HITS = """
SELECT document.id, document.filename, document.file_type,
    chunk.id, chunk.position, chunk.page, chunk.heading, chunk.content,
    best.score::float8, {similarity}, best.lexical::float8,
    best.lexical_place, best.vector_place, {marked}
FROM (SELECT * FROM ranking ORDER BY score DESC, chunk_id LIMIT %(top_k)s) best
JOIN knowledge_documentchunk chunk
    ON chunk.organization_id = %(organization)s AND chunk.id = best.chunk_id
    AND NOT chunk.is_deleted
{document}
ORDER BY best.score DESC, best.chunk_id
"""
# What only the words found has no distance yet.
_SIMILARITY = """(
    SELECT -(embedding <#> %(vector)s::halfvec) FROM knowledge_chunkembedding
    WHERE organization_id = %(organization)s AND chunk_id = best.chunk_id
        AND embedding_model = %(embedding_model)s
)"""
_HITS_BY_WORDS = """
SELECT document.id, document.filename, document.file_type,
    chunk.id, chunk.position, chunk.page, chunk.heading, chunk.content,
    chunk.score::float8, NULL::float8, chunk.score::float8,
    row_number() OVER (ORDER BY chunk.score DESC, chunk.id), NULL::bigint, {marked}
FROM ranked chunk
{document}
ORDER BY chunk.score DESC, chunk.id
"""


def _joined(*parts: str, hits: str, visible: str = _VISIBLE) -> str:
    hits = hits.replace("{marked}", _MARKED).replace("{document}", _DOCUMENT)
    return "WITH " + ",".join([visible, *parts]) + hits


_HITS_BY_BOTH = _HITS.replace("{similarity}", _SIMILARITY)
_HITS_BY_MEANING = _HITS.replace("{similarity}", "best.score::float8")
_STATEMENTS = {
    "hybrid": _joined(lexical.LEXICAL, nearest.NEAREST, fusion.BY_BOTH, hits=_HITS_BY_BOTH),
    "vector": _joined(nearest.NEAREST, fusion.BY_MEANING, hits=_HITS_BY_MEANING),
    "text": _joined(lexical.FOUND, hits=_HITS_BY_WORDS),
}
_VECTOR_OF_ALL = _joined(
    nearest.NEAREST_OF_ALL,
    fusion.BY_MEANING,
    hits=_HITS_BY_MEANING,
    visible=_VISIBLE.replace("AS", "AS NOT", 1),
)


@dataclass(frozen=True)
class Hit:
    """A passage that was found. The higher the score, the better; it compares within one search.

    `similarity` is the cosine to the query's vector, None by words alone. `lexical` is the BM25
    score, None when the passage is not among the best of that ranking. The places are those in the
    ranking by words and by meaning, from 1. `highlights` says where in the content words of the
    query stand, in any form, and `snippet` is the piece with most of them; both only when asked
    for.
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
    lexical_place: int | None
    vector_place: int | None
    highlights: tuple[Span, ...] = ()
    snippet: Snippet | None = None


def embed_query(text: str) -> np.ndarray:
    """The unit vector of a question, float32 (384,). Asks no database."""
    return embedder().embed_query(clean_text(text))


def search(
    *,
    user: User,
    query: str,
    vector: np.ndarray | None,
    top_k: int = 10,
    mode: Mode = "hybrid",
    project: Project | None = None,
    filters: SearchFilters | None = None,
    marked: bool = False,
) -> list[Hit]:
    """The best passages for a query among what the user may see, best first; ties by chunk id.

    `vector` is `embed_query(query)`; the mode "text" does without. In a project are its own
    documents, those of the whole organization and those granted to the user. With `marked` the hits
    say where the words stand. The caller acts for the user's organization.
    """
    seen = visible(user, project=project, filters=filters or SearchFilters())
    if seen is None:
        return []
    if mode != "text" and vector is None:
        raise ValueError(f"The mode {mode} needs the vector of the query.")
    parameters = seen.parameters | nearest.parameters(
        organization_id=current_organization_id(),
        vector=vector,
        embedding_model="" if vector is None else embedder().name,
    )
    parameters |= {
        "query": clean_text(query[:MAX_QUERY_CHARACTERS]),
        "words": lexical.MAX_WORDS,
        "pool": _pool(mode, seen, top_k),
        "top_k": top_k,
        "marked": marked,
    }
    with connection.cursor() as cursor:
        if mode != "text":
            cursor.execute(nearest.SETTINGS)
        cursor.execute(_statement(mode, seen), parameters)
        return [_hit(row) for row in cursor.fetchall()]


def _hit(row: tuple[Any, ...]) -> Hit:
    *fields, words = row
    hit = Hit(*fields)
    if words is None:
        return hit
    highlights = find_words(hit.content, words)
    return replace(hit, highlights=highlights, snippet=cut_snippet(hit.content, highlights))


def _pool(mode: Mode, seen: Visible, top_k: int) -> int:
    """How many passages a ranking is taken for: a fused one needs more than are asked for, and so
    does an index, to find the neighbours among what may be seen."""
    if mode == "text" or (mode == "vector" and seen.is_all):
        return top_k
    return max(fusion.POOL, top_k)


def _statement(mode: Mode, seen: Visible) -> str:
    if mode == "vector" and seen.is_all:
        return _VECTOR_OF_ALL.format(visible=seen.sql)
    return _STATEMENTS[mode].format(visible=seen.sql)
