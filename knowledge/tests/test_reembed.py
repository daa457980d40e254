"""After another model was chosen: vectors of two models never meet, and new ones are made."""

from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from procrastinate.contrib.django.models import ProcrastinateJob

from common.tests.http_service import serving
from knowledge import tasks
from knowledge.embedding import EmbedderUnavailable, normalized_mean
from knowledge.ingestion.pipeline import ingest
from knowledge.ingestion.read import read_document as read_document_here
from knowledge.ingestion.reembed import reembed
from knowledge.management.commands import reembed as command
from knowledge.models import ChunkEmbedding, Document
from knowledge.search import embed_query, search
from knowledge.services import reprocess_documents
from knowledge.testing import read_document
from knowledge.tests.embedding_services import KEY, openai_service, refusal, vector_of
from tenants.api.testing import api_as, problem
from tenants.context import acting_for
from tenants.testing import as_owner

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "# Vacation\n\nThirty days a year.\n\n# Travel\n\nTrains come before planes."


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def document(owner):
    return read_document(TEXT, by=owner)


@pytest.fixture
def another(settings, document):
    """Another model is chosen, after the document was read."""
    with serving(openai_service()) as service:
        settings.EMBEDDING_MODEL = "openai:another"
        settings.EMBEDDING_BASE_URL = f"{service.url}/v1"
        settings.EMBEDDING_API_KEY = KEY
        yield service


def found(user, mode, query="vacation"):
    vector = embed_query(query)
    with acting_for(user.organization_id):
        return search(user=user, query=query, vector=vector, mode=mode)


def models_of(document):
    """The models of the document's vectors: of its chunks, and its own."""
    with acting_for(document.organization_id):
        chunks = ChunkEmbedding.objects.filter(chunk__document=document.pk)
        names = set(chunks.values_list("embedding_model", flat=True))
        return names, Document.objects.get(pk=document.pk).embedding_model


def queued():
    return [
        job.args
        for job in ProcrastinateJob.objects.filter(
            task_name="knowledge.tasks.reembed_document", status="todo"
        )
    ]


def test_vectors_of_two_models_never_meet_in_a_ranking(owner, document, another):
    later = read_document("# Vacation\n\nAsk your manager.", by=owner, filename="later.md")
    assert {hit.document_id for hit in found(owner, "vector")} == {later.pk}
    assert {hit.document_id for hit in found(owner, "text")} == {document.pk, later.pk}
    hits = found(owner, "hybrid")
    assert {hit.document_id for hit in hits} == {document.pk, later.pk}
    compared = {hit.document_id for hit in hits if hit.similarity is not None}
    assert compared == {later.pk}


def test_with_new_vectors_a_document_is_found_by_meaning_again(owner, document, another):
    assert found(owner, "vector") == []
    assert reembed(owner.organization_id, document.pk)
    assert models_of(document) == ({"openai:another"}, "openai:another")
    assert {hit.document_id for hit in found(owner, "vector")} == {document.pk}


def test_the_vectors_are_those_of_the_passages_with_their_headings(owner, document, another):
    reembed(owner.organization_id, document.pk)
    with acting_for(owner.organization_id):
        stored = ChunkEmbedding.objects.order_by("chunk__position").select_related("chunk")
        got = np.array([row.embedding for row in stored])
        texts = [f"{row.chunk.heading}\n{row.chunk.content}" for row in stored]
        document = Document.objects.get(pk=document.pk)
    expected = np.array([vector_of(text) for text in texts], dtype=np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert got == pytest.approx(expected, abs=1e-3)
    assert document.embedding == pytest.approx(normalized_mean(expected), abs=1e-3)


def test_what_has_vectors_of_the_model_in_use_is_left_as_it_is(owner, document, another, settings):
    settings.EMBEDDING_MODEL = ""
    assert not reembed(owner.organization_id, document.pk)
    assert another.asked == []


def test_a_failure_leaves_all_old_vectors(owner, document, another, settings):
    before = models_of(document)
    another.faults.append(refusal(None, 401))
    with pytest.raises(EmbedderUnavailable):
        reembed(owner.organization_id, document.pk)
    assert models_of(document) == before
    settings.EMBEDDING_MODEL = ""
    assert found(owner, "vector")


def test_a_document_that_is_read_meanwhile_keeps_what_that_made(owner, document, another):
    def read_again():
        with acting_for(owner.organization_id):
            reprocess_documents(documents=[document], by=owner)
            ingest(owner.organization_id, document.pk, read=read_document_here)
        return False

    assert not reembed(owner.organization_id, document.pk, should_stop=read_again)
    assert models_of(document) == ({"openai:another"}, "openai:another")


def test_a_document_that_waits_to_be_read_meanwhile_is_left_to_that(owner, document, another):
    def read_again():
        with acting_for(owner.organization_id):
            reprocess_documents(documents=[document], by=owner)
        return False

    before = models_of(document)
    assert not reembed(owner.organization_id, document.pk, should_stop=read_again)
    assert models_of(document) == before


def test_a_worker_that_is_told_to_end_leaves_the_document_to_the_next(owner, document, another):
    class Context:
        def should_abort(self):
            return True

    ids = {"organization_id": str(owner.organization_id), "document_id": str(document.pk)}
    tasks.reembed_document.func(Context(), **ids)
    assert another.asked == []
    assert queued() == [ids]
    tasks.reembed_document.func(None, **ids)
    assert models_of(document)[1] == "openai:another"


def command_said(*options):
    said = StringIO()
    with as_owner():
        call_command("reembed", *options, stdout=said)
    return said.getvalue().splitlines()


def test_the_command_queues_each_document_once_and_says_so(owner, document, another):
    read_document("Of the model in use.", by=owner)
    counted = "1 documents have no vectors of openai:another."
    assert command_said("--dry-run") == [counted]
    assert queued() == []
    assert command_said() == [counted, "1 queued, 0 were already."]
    assert command_said("--organization", "acme") == [counted, "0 queued, 1 were already."]
    assert command_said("--organization", "globex", "--wait") == [
        "0 documents have no vectors of openai:another.",
        "0 queued, 0 were already.",
    ]
    assert [job["document_id"] for job in queued()] == [str(document.pk)]


def test_the_command_waits_until_all_is_done(owner, document, another, monkeypatch):
    def worker(seconds):
        reembed(owner.organization_id, document.pk)

    monkeypatch.setattr(command.time, "sleep", worker)
    assert command_said("--wait")[-2:] == ["0 of 1 done.", "1 of 1 done."]


def test_the_command_refuses_an_organization_that_is_not_there(another):
    with pytest.raises(CommandError, match="no organization nowhere"):
        command_said("--organization", "nowhere")


def test_a_search_whose_model_does_not_answer_says_why_and_words_still_find(owner, another):
    another.respond = lambda asked: refusal(None, 401)
    client, asked = api_as(owner), {"query": "vacation"}
    refused = problem(client.post("/api/v1/search/", asked, format="json"), 503)
    assert refused["type"] == "urn:chancery:embedder-unavailable"
    assert "EMBEDDING_API_KEY" in refused["detail"]
    answer = client.post("/api/v1/search/", asked | {"mode": "text"}, format="json")
    assert len(answer.json()["results"]) == 1
