import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from django.conf import settings
from django.db import connection, connections

from knowledge import passages as stored_passages
from knowledge.baker_recipes import document as document_recipe
from knowledge.embedding import embedder
from knowledge.ingestion import pipeline
from knowledge.ingestion.confine import read_in_child
from knowledge.models import ChunkEmbedding, Document, DocumentChunk, Posting
from knowledge.services import reprocess_documents
from knowledge.testing import read_document, upload
from tenants.context import acting_for
from tenants.deletion import delete, restore

TEXT = """# Handbook

## Vacation

Everybody has 25 days of vacation a year. Days that are left over expire in March.

## Sickness

Whoever is ill tells the team lead before nine in the morning.
"""


@pytest.fixture
def owner(people):
    return people["acme-owner"]


def now(document):
    """The document as it is in the database."""
    with acting_for(document.organization_id):
        return Document.all_objects.get(pk=document.pk)


def chunks_of(document):
    with acting_for(document.organization_id):
        return list(DocumentChunk.all_objects.filter(document=document).order_by("position"))


def counts(organization):
    with acting_for(organization):
        models = (DocumentChunk, ChunkEmbedding, Posting)
        return [model._base_manager.count() for model in models]


def ingest(document, **options):
    pipeline.ingest(document.organization_id, document.pk, **options)


def test_a_document_that_was_read_is_complete(owner):
    document = read_document(TEXT, by=owner)
    assert document.processing_status == "completed"
    assert document.is_processed
    assert document.error == ""
    assert document.attempts == 1
    assert document.page_count is None
    assert document.embedding_model == embedder().name
    assert np.linalg.norm(document.embedding) == pytest.approx(1, abs=1e-3)
    assert "25 days of vacation" in document.content


def test_a_chunk_is_exactly_its_place_in_the_document(owner):
    document = read_document(TEXT, by=owner)
    chunks = chunks_of(document)
    assert len(chunks) == document.chunk_count > 1
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.pk for chunk in chunks] == sorted(chunk.pk for chunk in chunks)
    for chunk in chunks:
        assert document.content[chunk.start : chunk.end] == chunk.content
    assert any("Vacation" in chunk.heading for chunk in chunks)


def test_every_chunk_has_a_unit_vector_of_the_embedding_model(acme, owner):
    document = read_document(TEXT, by=owner)
    with acting_for(acme):
        embeddings = list(ChunkEmbedding.objects.order_by("chunk_id"))
    assert [e.chunk_id for e in embeddings] == [chunk.pk for chunk in chunks_of(document)]
    for embedding in embeddings:
        assert embedding.document_id == document.pk
        assert embedding.embedding_model == embedder().name
        assert np.linalg.norm(embedding.embedding) == pytest.approx(1, abs=1e-2)


def test_postings_count_the_lexemes_of_each_chunk_and_of_its_heading(acme, owner):
    document = read_document(TEXT, by=owner)
    vacation = next(chunk for chunk in chunks_of(document) if "25 days" in chunk.content)
    with acting_for(acme):
        entries = [
            (posting.lexeme, entry)
            for posting in Posting.objects.all()
            for entry in posting.entries
        ]
    found = {
        lexeme: entry for lexeme, entry in entries if entry >> 20 & 0xFFFFFF == vacation.position
    }
    frequencies = {lexeme: entry >> 12 & 0xFF for lexeme, entry in found.items()}
    assert frequencies["day"] == 2
    assert frequencies["vacat"] >= 2  # one of them in the heading
    assert "has" not in found  # a stop word
    assert {entry & 0xFFF for entry in found.values()} == {sum(frequencies.values())}
    assert {entry >> 44 for _, entry in entries} == {document.place & 0xFFFF}
    assert document.lexeme_count == sum(entry >> 12 & 0xFF for _, entry in entries)


def test_a_pdf_has_pages(owner):
    content = (settings.ROOT / "docs/samples/handbook.pdf").read_bytes()
    document = read_document(content, by=owner, filename="handbook.pdf")
    assert document.processing_status == "completed", document.error
    assert document.page_count > 1
    pages = [chunk.page for chunk in chunks_of(document)]
    assert pages == sorted(pages)
    assert pages[0] == 1


def test_a_document_without_a_file_is_read_from_its_text(acme):
    with acting_for(acme):
        document = document_recipe.make(content=TEXT, filename="handbook.md")
    ingest(document)
    assert now(document).processing_status == "completed"
    assert now(document).content.strip() == TEXT.strip()


def test_reading_twice_changes_nothing(acme, owner):
    document = read_document(TEXT, by=owner)
    before, had = now(document), counts(acme)
    ingest(document)
    assert now(document).updated_at == before.updated_at
    assert counts(acme) == had


def test_reprocessing_replaces_the_passages(acme, owner):
    document = read_document(TEXT, by=owner)
    before, had = chunks_of(document), counts(acme)
    with acting_for(acme):
        reprocess_documents(documents=[document], by=owner)
    ingest(document)
    assert now(document).processing_status == "completed"
    assert counts(acme) == had
    assert {c.pk for c in before}.isdisjoint(c.pk for c in chunks_of(document))


def test_a_deleted_document_is_not_read(acme, owner):
    document = upload(TEXT, by=owner)
    with acting_for(acme):
        delete(document)
    ingest(document)
    assert now(document).processing_status == "pending"
    assert counts(acme) == [0, 0, 0]


def test_a_document_deleted_while_it_is_read_gets_no_passages(acme, owner, monkeypatch):
    document = upload(TEXT, by=owner)
    meanwhile(monkeypatch, lambda: delete_in(acme, document))
    ingest(document)
    assert counts(acme) == [0, 0, 0]
    with acting_for(acme):
        restore(now(document))
    ingest(document)
    assert now(document).processing_status == "completed"


def test_what_is_wrong_with_a_file_becomes_its_error_at_once(acme, owner):
    document = upload(b"%PDF-1.7 and nothing of the kind", by=owner, filename="broken.pdf")
    ingest(document)
    document = now(document)
    assert document.processing_status == "failed"
    assert document.attempts == 1
    assert document.error.endswith(".")
    assert counts(acme) == [0, 0, 0]


def test_a_file_without_text_fails(owner):
    document = read_document(b"  \n \n ", by=owner, filename="blank.txt")
    assert document.processing_status == "failed"
    assert "no text" in document.error


def test_a_missing_file_fails(owner):
    document = upload(TEXT, by=owner)
    document.file.storage.delete(document.file.name)
    ingest(document)
    assert now(document).error == pipeline.MISSING


@pytest.mark.parametrize("step", ["local_copy", "split", "normalized_mean", "replace_passages"])
def test_after_an_accident_the_document_waits_and_the_next_attempt_completes_it(
    acme, owner, monkeypatch, step
):
    document = upload(TEXT, by=owner)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, step, accident)
        with pytest.raises(RuntimeError):
            ingest(document)
    assert (now(document).processing_status, now(document).attempts) == ("pending", 1)
    assert counts(acme) == [0, 0, 0]
    ingest(document)
    assert (now(document).processing_status, now(document).attempts) == ("completed", 2)
    assert len(chunks_of(document)) == now(document).chunk_count


def test_an_accident_in_the_last_step_leaves_no_half_of_it(acme, owner, monkeypatch):
    document = upload(TEXT, by=owner)
    monkeypatch.setattr(stored_passages, "index_document", accident)
    with pytest.raises(RuntimeError):
        ingest(document)
    assert counts(acme) == [0, 0, 0]


def test_a_third_accident_is_the_last(acme, owner):
    document = upload(TEXT, by=owner)
    for _ in range(pipeline.MAX_ATTEMPTS):
        with pytest.raises(RuntimeError):
            ingest(document, read=accident)
    ingest(document)
    document = now(document)
    assert (document.processing_status, document.attempts) == ("failed", 3)
    assert document.error == pipeline.UNEXPECTED
    assert "RuntimeError" not in document.error


def test_a_document_whose_workers_were_killed_three_times_fails(acme, owner):
    document = upload(TEXT, by=owner)
    for _ in range(pipeline.MAX_ATTEMPTS):
        with pytest.raises(Killed):
            ingest(document, read=killed)
        assert now(document).processing_status == "processing"
    ingest(document)
    assert now(document).processing_status == "failed"
    assert now(document).error == pipeline.INTERRUPTED


def test_a_worker_that_is_told_to_end_leaves_the_attempt_to_another(acme, owner):
    document = upload(TEXT, by=owner)
    ingest(document, should_stop=lambda: True)
    assert (now(document).processing_status, now(document).attempts) == ("pending", 0)


def test_what_was_claimed_by_another_run_is_left_to_it(acme, owner, monkeypatch):
    document = upload(TEXT, by=owner)
    meanwhile(monkeypatch, lambda: ingest(document))
    ingest(document)
    assert (now(document).processing_status, now(document).attempts) == ("completed", 2)
    assert len(chunks_of(document)) == now(document).chunk_count


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_the_same_time_make_one_result(acme, people, monkeypatch):
    document = upload(TEXT, by=people["acme-owner"])
    both_have_claimed = threading.Barrier(2, timeout=30)
    split = pipeline.split

    def split_together(*args, **options):
        both_have_claimed.wait()
        return split(*args, **options)

    monkeypatch.setattr(pipeline, "split", split_together)

    def run():
        try:
            ingest(document)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(run), threads.submit(run)]:
            future.result()
    assert (now(document).processing_status, now(document).attempts) == ("completed", 2)
    assert len(chunks_of(document)) == now(document).chunk_count
    assert counts(acme)[:2] == [now(document).chunk_count] * 2


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_a_file_is_read_or_embedded(acme, people, monkeypatch):
    document = upload(TEXT, by=people["acme-owner"])
    seen = []
    monkeypatch.setattr(pipeline, "split", noting(pipeline.split, seen))
    ingest(document, read=noting(read_in_child, seen))
    assert seen == [False, False]
    assert now(document).processing_status == "completed"


class Killed(BaseException):
    """What nothing in the program survives."""


def accident(*args, **options):
    raise RuntimeError("an accident")


def killed(*args, **options):
    raise Killed


def noting(step, seen):
    def noted(*args, **options):
        seen.append(connection.in_atomic_block)
        return step(*args, **options)

    return noted


def meanwhile(monkeypatch, happens):
    """Let something happen once, while the next document is split."""
    split = pipeline.split

    def interrupted(*args, **options):
        monkeypatch.setattr(pipeline, "split", split)
        happens()
        return split(*args, **options)

    monkeypatch.setattr(pipeline, "split", interrupted)


def delete_in(organization, document):
    with acting_for(organization):
        delete(document)
