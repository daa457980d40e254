"""Having several documents read again."""

from uuid import uuid4

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from knowledge import baker_recipes as recipes
from knowledge.models import Document
from knowledge.tasks import queue_waiting_documents
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.sharing import give

PATH = "/api/v1/documents/reprocess/"


@pytest.fixture
def member(people):
    return api_as(people["acme-member"])


@pytest.fixture
def manager(people):
    return api_as(people["acme-manager"])


@pytest.fixture
def documents(acme):
    with acting_for(acme):
        return {
            status: recipes.document.make(processing_status=status, error=status)
            for status in ("failed", "pending")
        }


def errors(acme):
    with acting_for(acme):
        return set(Document.objects.values_list("error", flat=True))


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        (lambda ids: {"status": "failed"}, {"", "pending"}),
        (lambda ids: {"documents": ids}, {""}),
        (lambda ids: {"documents": ids, "status": "failed"}, {"", "pending"}),
        (lambda ids: {"documents": ids, "status": "completed"}, {"failed", "pending"}),
        (lambda ids: {"documents": []}, {"failed", "pending"}),
    ],
)
def test_reading_several_again_takes_what_was_asked_for(manager, acme, documents, asked, left):
    answer = manager.post(PATH, asked([str(row.pk) for row in documents.values()]))
    assert answer.status_code == 202
    assert errors(acme) == left
    assert answer.json() == {"reprocessed": 2 - len(left - {""})}


def test_it_needs_the_permission(member, manager, acme, documents):
    problem(member.post(PATH, {"status": "failed"}), 403)
    assert errors(acme) == {"failed", "pending"}
    assert manager.post(PATH, {"status": "failed"}).json() == {"reprocessed": 1}


def test_it_takes_those_that_the_caller_may_change_and_no_others(member, acme, people, documents):
    with acting_for(acme):
        give(row=documents["failed"], action="change", to=people["acme-member"])
    ids = [str(row.pk) for row in documents.values()]
    assert member.post(PATH, {"documents": ids}).json() == {"reprocessed": 1}
    assert errors(acme) == {"", "pending"}


def test_it_passes_over_what_is_deleted_another_organizations_or_unknown(manager, acme, globex):
    with acting_for(acme):
        deleted = recipes.document.make(processing_status="failed")
        delete(deleted)
    with acting_for(globex):
        foreign = recipes.document.make(processing_status="failed", error="theirs")
    ids = [str(pk) for pk in (deleted.pk, foreign.pk, uuid4())]
    assert manager.post(PATH, {"documents": ids}).json() == {"reprocessed": 0}
    assert manager.post(PATH, {"status": "failed"}).json() == {"reprocessed": 0}
    assert errors(globex) == {"theirs"}


def test_it_asks_for_documents_or_a_status(manager):
    assert fields_at_fault(manager.post(PATH, {"status": "wrong"})) == {"status"}
    assert fields_at_fault(manager.post(PATH, {"documents": "x"})) == {"documents"}
    problem(manager.post(PATH, {}), 400)


def test_it_leaves_the_rest_of_many_to_the_sweep(manager, acme, documents, monkeypatch):
    monkeypatch.setattr("knowledge.services.QUEUED_AT_ONCE", 1)
    ids = [str(row.pk) for row in documents.values()]
    assert manager.post(PATH, {"documents": ids}).json() == {"reprocessed": 2}
    assert ProcrastinateJob.objects.count() == 1
    assert queue_waiting_documents(timestamp=0) == 1
