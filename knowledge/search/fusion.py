"""How the two rankings become one: a part of the one statement."""

POOL = 100  # passages of each ranking that go into the fused one

BY_MEANING = """
ranking AS (
    SELECT chunk_id, score, NULL::real AS lexical, NULL::bigint AS lexical_place,
        place AS vector_place
    FROM nearest
)"""
# Reciprocal rank fusion. Usually its constant is 60 and nothing is weighted: with 20, and 1.25 for
# the words, both halves of Cranfield's questions are answered better (`benchmarks/README.md`).
BY_BOTH = """
ranking AS (
    SELECT chunk_id, lexical.score AS lexical,
        lexical.place AS lexical_place, nearest.place AS vector_place,
        coalesce(1.25 / (20 + lexical.place), 0) + coalesce(1.0 / (20 + nearest.place), 0) AS score
    FROM lexical FULL JOIN nearest USING (chunk_id)
)"""
