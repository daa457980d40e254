"""The ranking of passages by the words of a query: a part of the one statement.

It reads the postings that `knowledge.postings` writes, and knows how they are packed.
"""

MAX_WORDS = 32  # of a long query the rarest count: the others cost much and say little

# The query is brought to stems in each language that the organization's documents are in, and meets
# the documents of that language alone. How rare a lexeme is holds across languages.
#
# Okapi BM25, k1 = 1.2 and b = 0.75: further occurrences of a word count for less and less, and for
# less in a passage that is longer than the mean. Scores are rounded (`real`), because the order in
# which their terms are added up is the planner's. Equals at the end of the pool all come along, so
# that chunk ids, which postings do not hold, can decide between them.
#
# `LATERAL (... OFFSET 0)` keeps the planner to looking rows up by their keys, however wrong its
# guess of how many there are.
_SCORED = """
corpus AS MATERIALIZED (
    SELECT sum(chunk_count)::float8 AS chunks,
        sum(lexeme_count)::float8 / sum(chunk_count) AS mean_length
    FROM visible
),
blocks AS MATERIALIZED (
    SELECT id, language FROM knowledge_postingblock WHERE organization_id = %(organization)s
),
words AS MATERIALIZED (
    SELECT spoken.language,
        unnest(tsvector_to_array(to_tsvector(spoken.language::regconfig, %(query)s))) AS lexeme
    FROM (SELECT DISTINCT language FROM blocks) spoken
),
posted AS MATERIALIZED (
    SELECT words.lexeme, posting.block_id::bigint << 40 AS block, ARRAY(
        SELECT entry FROM unnest(posting.entries) AS entry
        WHERE ((((posting.block_id::bigint << 40) | (entry >> 20)) >> 24)
            IN (SELECT place FROM visible)) IS TRUE
    ) AS entries
    FROM words
    CROSS JOIN LATERAL (
        SELECT block_id, entries FROM knowledge_posting
        WHERE organization_id = %(organization)s AND lexeme = words.lexeme
        OFFSET 0
    ) posting
    JOIN blocks ON blocks.id = posting.block_id AND blocks.language = words.language
),
rarity AS MATERIALIZED (
    SELECT found.lexeme, ln(1 + (corpus.chunks - found.chunks + 0.5) / (found.chunks + 0.5)) AS idf
    FROM corpus, (
        SELECT lexeme, sum(cardinality(entries))::float8 AS chunks FROM posted GROUP BY lexeme
    ) found
    WHERE found.chunks > 0
    ORDER BY found.chunks, found.lexeme
    LIMIT %(words)s
),
scored AS MATERIALIZED (
    SELECT passage,
        sum(idf * 2.2::float8 * frequency / (frequency + 0.3::float8 + norm * length))::real
            AS score
    FROM (
        SELECT idf, 0.9::float8 / mean_length AS norm, block | (entry >> 20) AS passage,
            ((entry >> 12) & 255)::float8 AS frequency, (entry & 4095)::float8 AS length
        FROM corpus, (
            SELECT idf, block, unnest(entries) AS entry FROM rarity JOIN posted USING (lexeme)
        ) entries
    ) entry
    GROUP BY passage
    ORDER BY score DESC
    FETCH FIRST %(pool)s ROWS WITH TIES
)"""

# The passage that each scored one stands for.
_PASSAGES = """
FROM scored JOIN visible ON visible.place = (scored.passage >> 24)
CROSS JOIN LATERAL (
    SELECT id, position, page, heading, content FROM knowledge_documentchunk
    WHERE organization_id = %(organization)s AND document_id = visible.id
        AND position = (scored.passage & 16777215)::int AND NOT is_deleted
    OFFSET 0
) chunk
ORDER BY scored.score DESC, chunk.id
LIMIT %(pool)s
)"""
LEXICAL = (
    _SCORED
    + """,
lexical AS MATERIALIZED (
    SELECT chunk.id AS chunk_id, scored.score,
        row_number() OVER (ORDER BY scored.score DESC, chunk.id) AS place
"""
    + _PASSAGES
)
# The same where nothing else is asked: with what the passages say.
FOUND = (
    _SCORED
    + """,
ranked AS (
    SELECT chunk.*, visible.id AS document_id, scored.score
"""
    + _PASSAGES
)
