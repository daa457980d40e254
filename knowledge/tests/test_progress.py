"""How far the reading of a document got, as it is seen while it goes on."""

import pytest

from knowledge.api.serializers import DocumentSerializer
from knowledge.baker_recipes import document as document_recipe
from knowledge.ingestion import pipeline, read
from knowledge.ingestion.confine import read_in_child
from knowledge.ingestion.formats import pdf
from knowledge.ingestion.progress import listening
from knowledge.ingestion.reading import UnreadableDocument
from knowledge.models import Document
from knowledge.progress import NO_PROGRESS, Progress
from knowledge.services import reprocess_documents
from knowledge.testing import upload
from knowledge.tests.test_confine import SAMPLES
from tenants.context import acting_for

TEXT = "\n\n".join(f"# {n}\n\nEverybody has {n} days of vacation a year." for n in range(70))


@pytest.fixture
def owner(people):
    return people["acme-owner"]


class Clock:
    """Every look at it takes two seconds."""

    now = 0.0

    def __call__(self):
        self.now += 2
        return self.now


def now(document):
    with acting_for(document.organization_id):
        return Document.objects.get(pk=document.pk)


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr("knowledge.progress.SECONDS_BETWEEN", 0)


@pytest.mark.parametrize(
    ("name", "least"), [("handbook.pdf", 4), ("lighthouse.pptx", 2), ("orchard.xlsx", 2)]
)
def test_pages_slides_and_sheets_are_told_of_one_by_one(name, least):
    said = []
    with listening(lambda done, of: said.append((done, of))):
        read.read_document(SAMPLES / name, filename=name)
    assert said == [(n, len(said)) for n in range(1, len(said) + 1)]
    assert len(said) >= least


def test_a_child_tells_its_parent_while_it_reads(monkeypatch):
    said = []
    monkeypatch.setattr("knowledge.ingestion.children._LOOKED_UP", 0.05)
    with listening(lambda done, of: said.append((done, of))):
        read_in_child(
            SAMPLES / "handbook.pdf",
            filename="handbook.pdf",
            reader="knowledge.tests.hostile_readers:tells_and_sleeps",
        )
    assert (3, 7) in said


def test_it_is_seen_while_it_goes_on_and_gone_afterwards(acme, owner, hasty, monkeypatch):
    document = upload(TEXT, by=owner)
    seen = []
    embed = type(pipeline.embedder()).embed

    def watched(self, texts):
        seen.append(DocumentSerializer(now(document)).data["progress"])
        return embed(self, texts)

    monkeypatch.setattr(type(pipeline.embedder()), "embed", watched)
    pipeline.ingest(acme.pk, document.pk, read=read.read_document)
    assert [got["chunks_embedded"] for got in seen] == [0, 32, 64]
    assert {got["chunks"] for got in seen} == {70}
    assert {(got["pages_read"], got["pages"]) for got in seen} == {(None, None)}
    assert now(document).processing_status == "completed"
    assert now(document).progress is None
    assert columns(document) == NO_PROGRESS


def columns(document):
    return {name: getattr(now(document), name) for name in NO_PROGRESS}


def test_it_is_written_at_most_every_second(acme, owner, django_assert_num_queries):
    with acting_for(acme):
        document = document_recipe.make(processing_status="processing", attempts=1)
        progress = Progress(document, clock=lambda: 0.0)
        with django_assert_num_queries(0):
            progress.pages(1, 2)
        progress = Progress(document, clock=Clock())
        progress.pages(1, 2)
        assert now(document).progress["pages_read"] == 1


def test_a_run_that_lost_the_document_writes_nothing(acme):
    with acting_for(acme):
        document = document_recipe.make(processing_status="processing", attempts=1)
        Document.objects.filter(pk=document.pk).update(attempts=2)
    Progress(document, clock=Clock()).pages(1, 2)
    assert columns(document) == NO_PROGRESS


@pytest.mark.parametrize("error", [UnreadableDocument("It is empty."), RuntimeError])
def test_what_fails_or_waits_again_has_none(acme, owner, hasty, monkeypatch, error):
    document = upload(TEXT, by=owner)

    def fails(path, filename):
        Progress(now(document), clock=Clock()).pages(3, 7)
        assert columns(document)["pages_read"] == 3
        raise error

    if isinstance(error, UnreadableDocument):
        pipeline.ingest(acme.pk, document.pk, read=fails)
    else:
        with pytest.raises(RuntimeError):
            pipeline.ingest(acme.pk, document.pk, read=fails)
    assert columns(document) == NO_PROGRESS


def test_reading_again_begins_anew(acme, owner):
    with acting_for(acme):
        document = document_recipe.make(
            processing_status="processing", attempts=1, pages_read=3, pages_total=7
        )
        reprocess_documents(documents=[document], by=owner)
    assert columns(document) == NO_PROGRESS


def test_formats_without_pages_tell_nothing():
    assert pdf.FORMAT.file_type == "pdf"
    with listening(lambda done, of: pytest.fail("told")):
        read.read_document(SAMPLES / "README.md", filename="README.md")
