"""The ranking of passages by what a query means: a part of the one statement."""

# The vectors are of unit length, so the negative inner product orders as the cosine does.
NEAREST = """
nearest AS MATERIALIZED (
    SELECT chunk_id, -distance AS score, row_number() OVER (ORDER BY distance, chunk_id) AS place
    FROM (
        SELECT chunk_id, embedding <#> %(vector)s::halfvec AS distance
        FROM knowledge_chunkembedding
        WHERE organization_id = %(organization)s AND embedding_model = %(embedding_model)s
            AND (document_id IN (SELECT id FROM visible)) IS TRUE
        ORDER BY distance, chunk_id
        LIMIT %(pool)s
    ) best
)"""
