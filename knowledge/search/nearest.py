"""The passages nearest to the vector of a query: exactly, or by the index of a large organization.

The vectors of an organization with thousands of passages have an HNSW index of their own
(`knowledge.indexing`), which is fast as long as most of what it finds may be seen. Of few documents
all vectors are compared instead, found by document. Which way is less work is decided while the
statement runs, from what the asking user sees; either way what they may not see is left out first.
"""

from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
from pgvector import HalfVector

# A vector met by way of the index costs so many times what comparing one in turn does. To find
# `pool` that are visible, the index meets pool * all / visible; the other way compares all visible.
COST_OF_INDEX = 50

# How many candidates the index keeps while it looks: more cost time, fewer miss neighbours.
EF_SEARCH = 140

# The scan goes on until enough is visible (`relaxed_order` drops no candidate on the way; the
# statement orders them itself) or so many vectors were met. What it lacks then is found exactly.
# With the default cost of a random page the planner would rather read some thousand vectors in
# turn than trust the index.
SETTINGS = (
    f"SET LOCAL hnsw.ef_search = {EF_SEARCH};"
    " SET LOCAL hnsw.iterative_scan = relaxed_order;"
    " SET LOCAL hnsw.max_scan_tuples = 20000;"
    " SET LOCAL random_page_cost = 1.1"
)

# The vectors are of unit length, so the negative inner product orders as the cosine does. An
# unfinished index answers nothing. `IS TRUE` and `ANY` keep the planner from making joins of the
# conditions, which it may turn inside out; `+ 0` keeps the index out of what is to be exact.
_NEAREST = """
nearest_index AS MATERIALIZED (
    SELECT reltuples::float8 AS vectors FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
    WHERE pg_class.oid = to_regclass(%(nearest_index)s) AND indisvalid
),
by_index AS MATERIALIZED (
    SELECT chunk_id, embedding <#> %(vector)s::halfvec AS distance
    FROM knowledge_chunkembedding
    WHERE organization_id = %(organization)s AND embedding_model = %(embedding_model)s
        AND {seen_by_index}
    ORDER BY distance
    LIMIT %(pool)s
),
exactly AS MATERIALIZED (
    SELECT chunk_id, (embedding <#> %(vector)s::halfvec) + 0 AS distance
    FROM knowledge_chunkembedding
    WHERE organization_id = %(organization)s AND embedding_model = %(embedding_model)s
        AND document_id = ANY (ARRAY(SELECT id FROM visible))
        AND (SELECT count(*) < %(pool)s FROM by_index)
    ORDER BY distance, chunk_id
    LIMIT %(pool)s
),
nearest AS MATERIALIZED (
    SELECT chunk_id, -distance AS score, row_number() OVER (ORDER BY distance, chunk_id) AS place
    FROM (
        SELECT * FROM exactly
        UNION ALL
        SELECT * FROM by_index WHERE (SELECT count(*) = %(pool)s FROM by_index)
    ) best
)"""


# Of what a user sees: the documents are counted and hashed, once.
NEAREST = _NEAREST.replace(
    "{seen_by_index}",
    """(document_id IN (SELECT id FROM visible)) IS TRUE
        AND (
            SELECT reach.chunks * reach.chunks
                > %(cost_of_index)s * %(pool)s::float8 * nearest_index.vectors
            FROM nearest_index, (SELECT sum(chunk_count)::float8 AS chunks FROM visible) reach
        )""",
)
# Where a user sees everything, nothing need be counted, and only the documents of what the index
# gives are looked at. `visible` must not be materialized then.
NEAREST_OF_ALL = _NEAREST.replace(
    "{seen_by_index}",
    """(SELECT true FROM visible WHERE visible.id = document_id)
        AND (
            SELECT nearest_index.vectors > %(cost_of_index)s * %(pool)s::float8
            FROM nearest_index
        )""",
)


def index_name(organization_id: UUID, embedding_model: str) -> str:
    """The name of the index over an organization's vectors of one model."""
    return f"{INDEX_PREFIX}{organization_id.hex}_{sha256(embedding_model.encode()).hexdigest()[:8]}"


INDEX_PREFIX = "knowledge_nearest_"


def parameters(
    *, organization_id: UUID | None, vector: np.ndarray | None, embedding_model: str
) -> dict[str, Any]:
    """What NEAREST names, beside `pool`; `vector` is of unit length, None for no vector.

    Without an organization the statement is refused, not this.
    """
    return {
        "organization": organization_id,
        "vector": None if vector is None else HalfVector(vector).to_text(),
        "embedding_model": embedding_model,
        "nearest_index": organization_id and index_name(organization_id, embedding_model),
        "cost_of_index": COST_OF_INDEX,
    }
