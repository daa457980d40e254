"""Each invariant is broken as only the owner could, found, and mended where that is possible."""

import io
import os
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from common.ids import uuid7
from knowledge import verification
from knowledge.ingestion import read
from knowledge.ingestion.pipeline import ingest
from knowledge.models import ChunkEmbedding, Document, DocumentChunk, Posting
from knowledge.search import search
from knowledge.testing import read_document, upload
from tenants.context import acting_for
from tenants.deletion import delete, restore
from tenants.models import OrganizationUsage
from tenants.testing import as_owner

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "# Leave\n\nEverybody has 25 days of vacation a year.\n\n# Travel\n\nBy train.\n"
DELETE_ONE_PASSAGE = """
UPDATE knowledge_documentchunk SET is_deleted = true, deleted_at = now(), deletion_id = id
WHERE position = 1
"""


@pytest.fixture(autouse=True)
def _storage_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def document(owner):
    return read_document(TEXT, by=owner)


def verify(**options) -> str:
    said = io.StringIO()
    with as_owner():
        call_command("verify_knowledge", stdout=said, **options)
    return said.getvalue()


def faults(**options) -> str:
    said = io.StringIO()
    with as_owner(), pytest.raises(CommandError) as end:
        call_command("verify_knowledge", stdout=said, **options)
    return f"{said.getvalue()}{end.value}"


def break_rows(organization, statement, *parameters):
    with as_owner(), acting_for(organization), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        assert cursor.rowcount > 0


def now(document):
    with acting_for(document.organization_id):
        return Document.all_objects.get(pk=document.pk)


def read_what_waits(document):
    assert ProcrastinateJob.objects.filter(queueing_lock=f"ingest:{document.pk}").exists()
    ingest(document.organization_id, document.pk, read=read.read_document)


def test_what_was_uploaded_and_read_is_right(acme, owner, people, document):
    read_document(TEXT, by=people["globex-owner"])
    deleted = read_document("Another text.", by=owner)
    upload("Waits.", by=owner)
    broken = read_document(b"%PDF-1.7 and nothing", by=owner, filename="broken.pdf")
    assert now(broken).processing_status == "failed"
    with acting_for(acme):
        delete(deleted)
    assert verify(digests=True) == "2 organizations, 5 documents: all right.\n"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM knowledge_chunkembedding",
        "UPDATE knowledge_chunkembedding SET embedding_model = 'another'",
        "UPDATE knowledge_document SET chunk_count = 7",
        DELETE_ONE_PASSAGE,
    ],
)
def test_a_document_without_all_its_passages_and_vectors_is_read_again(acme, document, statement):
    break_rows(acme, statement)
    assert f"acme: document {document.pk}" in faults()
    assert now(document).processing_status == "completed"
    assert "1 faults mended" in verify(repair=True)
    assert now(document).processing_status == "pending"
    read_what_waits(document)
    assert "all right" in verify()


def postings(organization):
    """Each lexeme with what is said of each passage, without the document's number."""
    with acting_for(organization):
        rows = Posting.objects.values_list("lexeme", "entries")
        return sorted(
            (lexeme, entry & (1 << 44) - 1) for lexeme, entries in rows for entry in entries
        )


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM knowledge_posting WHERE lexeme = 'vacat'",
        "UPDATE knowledge_posting SET entries[1] = entries[1] + (1 << 12) WHERE lexeme = 'vacat'",
        "UPDATE knowledge_posting SET entries[1] = entries[1] + 1",
        "UPDATE knowledge_posting SET entries = entries || entries WHERE lexeme = 'vacat'",
        "UPDATE knowledge_posting SET lexeme = 'holiday' WHERE lexeme = 'vacat'",
        "UPDATE knowledge_document SET lexeme_count = 1",
    ],
)
def test_postings_that_disagree_with_passages_are_rebuilt(acme, document, statement):
    before = postings(acme)
    break_rows(acme, statement)
    assert "postings that disagree" in faults()
    assert "1 faults mended" in verify(repair=True)
    assert postings(acme) == before
    assert now(document).lexeme_count == sum((entry >> 12) & 255 for _, entry in before)
    assert "all right" in verify()


def test_passages_of_a_deleted_document_that_are_living_are_deleted(acme, owner, document):
    with acting_for(acme):
        delete(document)
    break_rows(
        acme,
        "UPDATE knowledge_documentchunk SET is_deleted = false, deleted_at = NULL,"
        " deletion_id = NULL",
    )
    assert "is deleted, 2 of its passages are not" in faults()
    assert "1 faults mended" in verify(repair=True)
    assert "all right" in verify()
    with acting_for(acme):
        assert not DocumentChunk.objects.exists()
        restore(document)
        [hit, *_] = search(user=owner, query="vacation", mode="text", vector=None)
    assert hit.document_id == document.pk


def test_a_deleted_document_is_read_again_when_it_comes_back(acme, document):
    with acting_for(acme):
        delete(document)
    break_rows(acme, "DELETE FROM knowledge_chunkembedding")
    assert "with 0 vectors" in faults()
    verify(repair=True)
    assert "all right" in verify()
    assert now(document).processing_status == "pending"
    assert not ProcrastinateJob.objects.filter(
        queueing_lock=f"ingest:{document.pk}", status="doing"
    )


def test_a_lost_file_cannot_be_mended_but_is_named(document):
    Path(document.file.path).unlink()
    assert f"document {document.pk} has lost its file. Restore {document.file.name}" in faults()
    assert "0 faults mended, 1 are left" in faults(repair=True)


def test_a_file_of_another_size_is_seen(document):
    Path(document.file.path).write_text("short")
    assert f"says {len(TEXT)} bytes, its file has 5" in faults()


def test_other_bytes_of_the_same_size_are_seen_by_their_digest(document):
    Path(document.file.path).write_text(TEXT.swapcase())
    assert "all right" in verify()
    assert "other bytes than were uploaded" in faults(digests=True)


def test_a_document_without_a_file_of_its_own_lacks_none(acme, document):
    break_rows(acme, "UPDATE knowledge_document SET file = ''")
    Path(document.file.path).unlink()
    assert "all right" in verify(digests=True)


def test_the_counter_of_bytes_is_set_right(acme, document):
    with acting_for(acme):
        OrganizationUsage.objects.update(storage_bytes=7, users=9)
    assert f"acme: says 7 storage_bytes, there are {len(TEXT)}" in faults()
    assert "1 faults mended" in verify(repair=True)
    assert "all right" in verify()


def test_a_file_that_no_document_has_is_removed(document):
    orphan = Path(document.file.path).with_name(str(uuid7()))
    orphan.write_text("left over")
    assert "all right" in verify()  # it may be that of an upload under way
    then = time.time() - 2 * 24 * 60 * 60
    os.utime(orphan, (then, then))
    assert f"no document has the file {document.organization_id}/{orphan.name}" in faults()
    assert orphan.exists()
    assert "1 faults mended" in verify(repair=True)
    assert not orphan.exists()
    assert Path(document.file.path).exists()


@pytest.mark.parametrize("status", ["pending", "processing"])
def test_a_document_that_waits_without_a_job_gets_one(acme, owner, status):
    document = upload(TEXT, by=owner)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    assert "all right" in verify()  # the sweep has not been there yet
    break_rows(
        acme,
        "UPDATE knowledge_document SET updated_at = now() - interval '3 minutes',"
        " processing_status = %s",
        status,
    )
    assert "waits and has no job" in faults()
    assert "1 faults mended" in verify(repair=True)
    read_what_waits(document)
    assert now(document).processing_status == "completed"
    assert "all right" in verify()


def test_nothing_is_written_unless_it_is_asked_for(acme, document):
    break_rows(acme, "DELETE FROM knowledge_posting")
    break_rows(acme, "DELETE FROM knowledge_chunkembedding")
    before = now(document).updated_at
    assert "2 faults; --repair mends" in faults()
    assert now(document).updated_at == before
    with acting_for(acme):
        assert not Posting.objects.exists()
        assert not ChunkEmbedding.objects.exists()


def test_vectors_of_another_model_are_a_hint_and_no_fault(acme, document):
    assert "reembed" not in verify()
    with acting_for(acme):
        Document.objects.update(embedding_model="another")
        ChunkEmbedding.objects.update(embedding_model="another")
    said = verify()
    assert "acme: 1 documents have vectors of another embedding model" in said
    assert "manage.py reembed" in said
    assert "all right" in said


def test_one_organization_can_be_verified_alone(acme, document, people):
    other = read_document(TEXT, by=people["globex-owner"])
    Path(other.file.path).unlink()
    assert verify(organization="acme") == "1 organizations, 1 documents: all right.\n"
    assert "globex: document" in faults(organization="globex")
    assert "no organization nowhere" in faults(organization="nowhere")


def test_many_are_looked_at_batch_by_batch(acme, owner, monkeypatch):
    monkeypatch.setattr(verification, "AT_ONCE", 2)
    for number in range(5):
        read_document(f"Text number {number}.", by=owner)
    break_rows(acme, "DELETE FROM knowledge_posting")
    assert "2 organizations, 5 documents: 5 faults" in faults()
    assert "5 faults mended" in verify(repair=True)
    assert "all right" in verify()
