"""The ranking of passages by the words of a query: a part of the one statement."""

MAX_WORDS = 32  # of a long query the rarest count: the others cost much and say little

# Okapi BM25, k1 = 1.2 and b = 0.75: further occurrences of a word count for less and less, and for
# less in a passage that is longer than the mean. Scores are rounded (`real`), because the order in
# which their terms are added up is the planner's.
LEXICAL = """
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
