"""Postings of the schema before come along into blocks, and go back."""

import pytest
from django.db import connection

from knowledge.models import Document, Posting
from knowledge.testing import read_document
from tenants.tests.test_migrations import copy_of_the_database, migrate

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE, AFTER = "0006_purge", "0009_fill_posting_blocks"


def entries():
    """What of each document's postings does not depend on the block that it lies in."""
    rows = Document.all_objects.values_list("organization_id", "place", "filename")
    names = {(organization_id, place): name for organization_id, place, name in rows}
    return {
        (
            names[posting.organization_id, posting.block_id << 16 | entry >> 44],
            posting.lexeme,
            entry & (1 << 44) - 1,
        )
        for posting in Posting.objects.all()
        for entry in posting.entries
    }


def test_postings_are_converted_and_go_back(people):
    for number, text in enumerate(["# Wings\n\nA wing.\n\n# Drag\n\nIts drag.", "A wing, a wing."]):
        read_document(text, by=people["acme-owner"], filename=f"{number}.md")
    read_document("Another's wing.", by=people["globex-owner"], filename="theirs.md")
    with copy_of_the_database():
        before = entries()
        assert {name for name, _, _ in before} == {"0.md", "1.md", "theirs.md"}
        migrate("knowledge", BEFORE)
        with connection.cursor() as cursor:
            cursor.execute("SELECT sum(frequency) FROM knowledge_posting WHERE lexeme = 'wing'")
            assert cursor.fetchone() == (6,)
        migrate("knowledge", AFTER)
        assert entries() == before
