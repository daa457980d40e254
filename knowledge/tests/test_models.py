"""Documents and passages as designed, and what their constraints refuse."""

import pytest
from django.db import DataError, models, transaction

from knowledge.models import ChunkEmbedding, Document, DocumentChunk, Posting, PostingBlock
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.tests.declarations import breaks, declared, described, reverse_names
from tenants.tests.rows import make_one_of_each, make_row

DESIGN = {
    Document: {
        "organization": "tenants.Organization",
        "project": "tenants.Project null blank",
        "filename": "CharField(255)",
        "file_type": "CharField(50)",
        "file_size": "PositiveBigIntegerField",
        "content": "TextField null",
        "metadata": "JSONField blank = {}",
        "embedding": "VectorField null",
        "embedding_model": "CharField(100) blank",
        "is_processed": "BooleanField = False",
        "processing_status": "CharField(50) = 'pending'",
        "is_searchable": "BooleanField = True",
        "is_restricted": "BooleanField = False",
        "file": "FileField(255) blank",
        "sha256": "CharField(64)",
        "page_count": "PositiveIntegerField null",
        "error": "TextField blank",
        "attempts": "PositiveSmallIntegerField = 0",
        "uploaded_by": "tenants.User null blank",
    },
    DocumentChunk: {
        "organization": "tenants.Organization",
        "document": "knowledge.Document",
        "position": "PositiveIntegerField",
        "page": "PositiveIntegerField null",
        "heading": "TextField blank",
        "start": "PositiveIntegerField",
        "end": "PositiveIntegerField",
        "content": "TextField",
    },
    ChunkEmbedding: {
        "organization": "tenants.Organization",
        "chunk": "knowledge.DocumentChunk",
        "embedding": "HalfVectorField",
        "embedding_model": "CharField(100)",
    },
    PostingBlock: {
        "organization": "tenants.Organization",
        "language": "CharField(20)",
    },
    Posting: {
        "organization": "tenants.Organization",
        "block": "knowledge.PostingBlock",
        "lexeme": "TextField",
    },
}
COMPLETED = {
    "processing_status": "completed",
    "is_processed": True,
    "chunk_count": 1,
    "content": "text",
    "embedding": [1.0] * 384,
}
# What each refuses, and next to it what it lets pass.
CHECKS = [
    ("knowledge_document_status", Document, {"processing_status": "done"}, {}),
    ("knowledge_document_completed", Document, COMPLETED | {"chunk_count": 0}, COMPLETED),
    ("knowledge_document_completed", Document, COMPLETED | {"content": None}, COMPLETED),
    ("knowledge_document_completed", Document, COMPLETED | {"embedding": None}, COMPLETED),
    ("knowledge_document_completed", Document, COMPLETED | {"is_processed": False}, COMPLETED),
    ("knowledge_document_completed", Document, {"is_processed": True}, {"is_processed": False}),
    ("knowledge_document_deletion", Document, {"is_deleted": True}, {"is_deleted": False}),
    ("knowledge_documentchunk_deletion", DocumentChunk, {"is_deleted": True}, {"heading": ""}),
    ("knowledge_documentchunk_page", DocumentChunk, {"page": 0}, {"page": 1}),
    ("knowledge_documentchunk_page", DocumentChunk, {"page": 0}, {"page": None}),
    ("knowledge_postingblock_number", PostingBlock, {"id": 2**22}, {"chunk_count": 1}),
    ("knowledge_postingblock_number", PostingBlock, {"id": 0}, {"chunk_count": 1}),
    ("knowledge_documentchunk_span", DocumentChunk, {"end": 0}, {"end": 1}),
    ("knowledge_documentchunk_span", DocumentChunk, {"start": 5, "end": 4}, {"start": 5, "end": 6}),
]


def label(value):
    return value._meta.label if hasattr(value, "_meta") else None


@pytest.fixture
def rows(acme):
    made = make_one_of_each(acme)
    with acting_for(acme):
        yield made


@pytest.mark.parametrize(("model", "fields"), DESIGN.items(), ids=label)
def test_the_fields_are_those_designed(model, fields):
    assert {**described(model), **fields} == described(model)


def test_what_refers_to_a_document_is_found_by_its_name():
    assert reverse_names(Document)["chunks"] == "knowledge.DocumentChunk"
    assert reverse_names(DocumentChunk) == {"embedding": "knowledge.ChunkEmbedding"}


def test_the_vectors_have_384_dimensions():
    for field in (
        Document._meta.get_field("embedding"),
        ChunkEmbedding._meta.get_field("embedding"),
    ):
        assert field.dimensions == 384


@pytest.mark.parametrize(("name", "model", "wrong", "right"), CHECKS)
def test_a_check_refuses_what_must_never_be(rows, name, model, wrong, right):
    row = model.objects.filter(pk=rows[label(model)].pk)
    assert breaks(name, lambda: row.update(**wrong))
    assert not right or not breaks(name, lambda: row.update(**right))


def test_every_check_is_tried():
    assert {check[0] for check in CHECKS} == declared("knowledge", models.CheckConstraint).keys()


def test_a_document_has_one_living_passage_at_a_position(rows):
    assert declared("knowledge", models.UniqueConstraint).keys() == {
        "knowledge_documentchunk_position",
        "knowledge_document_attachment",  # tried in test_attachments.py
    }
    chunk = rows["knowledge.DocumentChunk"]

    def another(position):
        make_row(DocumentChunk, rows, "again", position=position)

    name = "knowledge_documentchunk_position"
    assert breaks(name, lambda: another(chunk.position))
    assert not breaks(name, lambda: another(chunk.position + 1))
    delete(chunk)
    assert not breaks(name, lambda: another(chunk.position))


def test_a_vector_of_another_length_is_refused(rows):
    for short in ([1.0] * 383, [1.0] * 385):
        with pytest.raises(DataError, match="expected 384 dimensions"), transaction.atomic():
            Document.objects.update(embedding=short)
        with pytest.raises(DataError, match="expected 384 dimensions"), transaction.atomic():
            ChunkEmbedding.objects.update(embedding=short)
