"""The lexical index of a document: which of its passages hold a lexeme, and how often.

Postings lie in blocks of some hundred passages, so that a row serves all passages of its block that
hold the lexeme. An entry packs into 64 bits what BM25 wants of one passage:

    the document's number in the block (16 bits), the passage's position in the document (24),
    how often the lexeme stands in it (8), how many lexemes the passage has (12)

and a document's `place` packs its block and its number there (16). The bits of an entry from
POSITION_BITS on, with the block before them, name a passage; the place is what is left of that.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import connection
from django.db.models import F

from knowledge.models import Document, PostingBlock

# Postings of larger blocks take less room, but each document that comes writes them anew.
BLOCK_CHUNKS = 512
MAX_NUMBER = 2**15 - 1

_INSERT = """
WITH found AS MATERIALIZED (
    SELECT word.lexeme, chunk.position, cardinality(word.positions) AS frequency, total.length
    FROM knowledge_documentchunk chunk
    CROSS JOIN LATERAL
        to_tsvector(%(language)s::regconfig, chunk.heading || E'\n' || chunk.content) AS words
    CROSS JOIN LATERAL unnest(words) AS word
    CROSS JOIN LATERAL (SELECT sum(cardinality(positions)) FROM unnest(words)) AS total(length)
    WHERE chunk.organization_id = %(organization)s AND chunk.document_id = %(document)s
), inserted AS (
    INSERT INTO knowledge_posting (organization_id, lexeme, block_id, entries)
    SELECT %(organization)s, lexeme, %(block)s, array_agg(
        (%(number)s::bigint << 44) | (position::bigint << 20) | (frequency::bigint << 12)
            | least(length, 4095)::bigint
        ORDER BY position
    )
    FROM found GROUP BY lexeme ORDER BY lexeme
    ON CONFLICT (organization_id, lexeme, block_id)
        DO UPDATE SET entries = knowledge_posting.entries || excluded.entries
)
SELECT coalesce(sum(frequency), 0), count(DISTINCT position) FROM found
"""

# What is removed is looked up by the words of the passages, which are still there: the key of
# postings begins with the word, and reading it for a block is reading the whole organization's.
_BY_WORDS = """
    SELECT posting.lexeme, posting.entries
    FROM (
        SELECT DISTINCT unnest(tsvector_to_array(
            to_tsvector(%(language)s::regconfig, heading || E'\n' || content)
        )) AS lexeme
        FROM knowledge_documentchunk
        WHERE organization_id = %(organization)s AND document_id = ANY(%(documents)s)
    ) word CROSS JOIN LATERAL (
        SELECT lexeme, entries FROM knowledge_posting
        WHERE organization_id = %(organization)s AND block_id = %(block)s
            AND lexeme = word.lexeme
        OFFSET 0
    ) posting
"""
_BY_BLOCK = """
    SELECT lexeme, entries FROM knowledge_posting
    WHERE organization_id = %(organization)s AND block_id = %(block)s
"""
_REMOVE = """
WITH touched AS MATERIALIZED (
    SELECT lexeme, removed, ARRAY(
        SELECT entry FROM unnest(entries) AS entry WHERE (entry >> 44) <> ALL(%(numbers)s)
    ) AS kept
    FROM ({postings}) posting
    CROSS JOIN LATERAL (
        SELECT array_agg(entry) FROM unnest(entries) AS entry
        WHERE (entry >> 44) = ANY(%(numbers)s)
    ) AS gone(removed)
    WHERE removed IS NOT NULL
), emptied AS (
    DELETE FROM knowledge_posting posting USING touched
    WHERE posting.organization_id = %(organization)s AND posting.block_id = %(block)s
        AND posting.lexeme = touched.lexeme AND cardinality(kept) = 0
), shortened AS (
    UPDATE knowledge_posting posting SET entries = kept FROM touched
    WHERE posting.organization_id = %(organization)s AND posting.block_id = %(block)s
        AND posting.lexeme = touched.lexeme AND cardinality(kept) > 0
)
SELECT coalesce(sum((entry >> 12) & 255), 0), array_agg(DISTINCT entry >> 20)
FROM touched CROSS JOIN LATERAL unnest(removed) AS entry
"""


# Completed documents whose postings are not what their passages say, or whose count is not.
_WRONG = """
WITH asked AS MATERIALIZED (
    SELECT id, language, place, lexeme_count FROM knowledge_document
    WHERE organization_id = %(organization)s AND id = ANY(%(documents)s)
        AND processing_status = 'completed'
), expected AS MATERIALIZED (
    SELECT asked.id AS document_id, word.lexeme, chunk.position,
        cardinality(word.positions)::bigint AS frequency, least(total.length, 4095) AS length
    FROM asked
    JOIN knowledge_documentchunk chunk
        ON chunk.organization_id = %(organization)s AND chunk.document_id = asked.id
    CROSS JOIN LATERAL
        to_tsvector(asked.language::regconfig, chunk.heading || E'\n' || chunk.content) AS words
    CROSS JOIN LATERAL unnest(words) AS word
    CROSS JOIN LATERAL (
        SELECT sum(cardinality(positions))::bigint FROM unnest(words)
    ) AS total(length)
), stored AS MATERIALIZED (
    SELECT asked.id AS document_id, posting.lexeme, ((entry >> 20) & 16777215)::int AS position,
        (entry >> 12) & 255 AS frequency, entry & 4095 AS length
    FROM asked
    JOIN knowledge_posting posting
        ON posting.organization_id = %(organization)s AND posting.block_id = asked.place >> 16
    CROSS JOIN LATERAL unnest(posting.entries) AS entry
    WHERE entry >> 44 = asked.place & 65535
)
SELECT document_id FROM (SELECT * FROM expected EXCEPT ALL SELECT * FROM stored) missing
UNION
SELECT document_id FROM (SELECT * FROM stored EXCEPT ALL SELECT * FROM expected) additional
UNION
SELECT asked.id FROM asked LEFT JOIN expected ON expected.document_id = asked.id
GROUP BY asked.id, asked.lexeme_count
HAVING asked.lexeme_count <> coalesce(sum(expected.frequency), 0)
"""


def index_document(document: Document) -> None:
    """Write the postings of a document's passages in its language; set its place and lexeme count.

    It must have no postings yet. The caller acts for the organization, holds the document's row
    and saves `place` and `lexeme_count`.
    """
    block = _claim_block(document.organization_id, document.language)
    number = block.document_count
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {
                "organization": document.organization_id,
                "document": document.pk,
                "language": document.language,
                "block": block.pk,
                "number": number,
            },
        )
        document.lexeme_count, chunks = cursor.fetchone()
    PostingBlock.objects.filter(pk=block.pk).update(
        document_count=number + 1, chunk_count=F("chunk_count") + chunks
    )
    document.place = block.pk << 16 | number


def language_of_postings(document: Document) -> str | None:
    """The language of the block that a document lies in, None when it lies in none."""
    if document.place is None:
        return None
    return PostingBlock.objects.values_list("language", flat=True).get(pk=document.place >> 16)


def remove_postings(organization_id: UUID | None, documents: Iterable[Document]) -> None:
    """Remove the postings of documents, whose passages are still there. The caller acts for the
    organization, and holds the documents."""
    placed = defaultdict(list)
    for document in documents:
        if document.place is not None:
            placed[document.place >> 16].append(document)
    # In the order of the blocks: two that remove from the same ones never wait for each other.
    held = PostingBlock.objects.filter(pk__in=placed).order_by("pk").select_for_update()
    for block in held:
        chunks = _remove_from(block, organization_id, placed[block.pk])
        itself = PostingBlock.objects.filter(pk=block.pk)
        if chunks < block.chunk_count:
            itself.update(chunk_count=block.chunk_count - chunks)
        else:
            itself._raw_delete(itself.db)


def _remove_from(
    block: PostingBlock, organization_id: UUID | None, documents: list[Document]
) -> int:
    """Remove documents from a block that is held; return how many passages had a posting."""
    parameters = {
        "organization": organization_id,
        "block": block.pk,
        "language": block.language,
        "documents": [document.pk for document in documents],
        "numbers": [(document.place or 0) & 0xFFFF for document in documents],
    }
    left = sum(document.lexeme_count for document in documents)
    passages: set[int] = set()
    with connection.cursor() as cursor:
        # Words that passages have no more, or PostgreSQL stems otherwise by now, are looked for.
        for postings in (_BY_WORDS, _BY_BLOCK):
            cursor.execute(_REMOVE.format(postings=postings), parameters)
            lexemes, found = cursor.fetchone()
            passages.update(found or ())
            left -= lexemes
            if not left:
                break
    return len(passages)


def wrong_postings(organization_id: UUID, documents: Collection[UUID]) -> set[UUID]:
    """Those of these completed documents whose postings or lexeme count are not what their passages
    say. The caller acts for the organization."""
    with connection.cursor() as cursor:
        cursor.execute(_WRONG, {"organization": organization_id, "documents": list(documents)})
        return {document_id for (document_id,) in cursor.fetchall()}


def forget_documents(documents: Iterable[UUID]) -> None:
    """Remove the postings of documents that are about to be purged."""
    rows = Document.all_objects.filter(pk__in=list(documents), place__isnull=False)
    of_organizations = defaultdict(list)
    for document in rows.order_by().only("organization_id", "place", "lexeme_count"):
        of_organizations[document.organization_id].append(document)
    for organization_id, found in of_organizations.items():
        remove_postings(organization_id, found)


def _claim_block(organization_id: UUID | None, language: str) -> PostingBlock:
    """A block with room that nobody else is writing to, held; a new one if there is none.

    So two uploads of an organization at the same time write to two blocks and never wait.
    """
    with_room = PostingBlock.objects.filter(
        language=language, chunk_count__lt=BLOCK_CHUNKS, document_count__lt=MAX_NUMBER
    )
    block = with_room.order_by("pk").select_for_update(skip_locked=True).first()
    if block is None:
        block = PostingBlock.objects.create(organization_id=organization_id, language=language)
    return block
