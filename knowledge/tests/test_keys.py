from django.db import connection


def test_the_key_of_postings_holds_all_that_a_ranking_reads(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef('knowledge_posting_pkey'::regclass)")
        [definition] = cursor.fetchone()
    assert definition.endswith(
        "(organization_id, lexeme, chunk_id) INCLUDE (document_id, frequency, length)"
    )
