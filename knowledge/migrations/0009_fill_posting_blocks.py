from django.db import migrations

_WORDS = """
    FROM knowledge_documentchunk chunk
    JOIN knowledge_document document
        ON document.organization_id = chunk.organization_id AND document.id = chunk.document_id
    CROSS JOIN LATERAL
        to_tsvector('english', chunk.heading || E'\\n' || chunk.content) AS words
    CROSS JOIN LATERAL unnest(words) AS word
    CROSS JOIN LATERAL (SELECT sum(cardinality(positions)) FROM unnest(words)) AS total(length)
"""
FILL = [
    """
    UPDATE knowledge_document document
    SET place = (placed.block << 16) | (row_number - min) FROM (
        SELECT organization_id, id, block, row_number,
            min(row_number) OVER (PARTITION BY organization_id, block)
        FROM (
            SELECT organization_id, document_id AS id,
                (sum(count(*)) OVER documents - count(*))::bigint / 512 + 1 AS block,
                row_number() OVER documents
            FROM knowledge_documentchunk
            GROUP BY organization_id, document_id
            WINDOW documents AS (PARTITION BY organization_id ORDER BY document_id)
        ) numbered
    ) placed
    WHERE document.organization_id = placed.organization_id AND document.id = placed.id
    """,
    """
    INSERT INTO knowledge_postingblock
        (organization_id, id, language, document_count, chunk_count)
    SELECT organization_id, place >> 16, 'english', count(*), sum(chunk_count)
    FROM knowledge_document WHERE place IS NOT NULL
    GROUP BY organization_id, place >> 16
    """,
    f"""
    INSERT INTO knowledge_posting (organization_id, lexeme, block_id, entries)
    SELECT chunk.organization_id, word.lexeme, document.place >> 16, array_agg(
        ((document.place & 65535) << 44) | (chunk.position::bigint << 20)
            | (cardinality(word.positions)::bigint << 12) | least(total.length, 4095)::bigint
        ORDER BY document.place, chunk.position
    )
    {_WORDS}
    GROUP BY chunk.organization_id, document.place >> 16, word.lexeme
    """,
]


class Migration(migrations.Migration):
    """Postings of the documents there are, in blocks whose keys hold the organization by now."""

    dependencies = [
        ("knowledge", "0008_postings_in_blocks"),
    ]

    operations = [
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
