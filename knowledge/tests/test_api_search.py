from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from knowledge.api import views
from knowledge.testing import read_document
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.services import add_member, create_project

SEARCH = "/api/v1/search/"
TEXT = "# Leave\n\nEverybody has 25 days of vacation a year.\n"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vacation(people):
    return read_document(TEXT, by=people["acme-manager"], metadata={"year": 2024})


def found(client, query="vacation days", **fields):
    answer = client.post(SEARCH, {"query": query} | fields, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_a_passage_is_found(people, vacation, mode):
    (hit,) = found(api_as(people["acme-viewer"]), mode=mode)
    contract = {"document", "filename", "chunk", "page", "heading", "content", "score"}
    assert hit.keys() == contract | {"highlights", "snippet"}
    marked = [hit["content"][start:end] for start, end in hit["highlights"]]
    assert marked == ["days", "vacation"]
    snippet = hit["snippet"]
    assert snippet["text"] in hit["content"]
    assert [snippet["text"][start:end] for start, end in snippet["highlights"]] == marked
    assert (hit["document"], hit["filename"]) == (str(vacation.pk), "notes.md")
    assert "25 days" in hit["content"]


def test_another_organization_finds_nothing_of_it(people, vacation):
    assert found(api_as(people["globex-owner"])) == []
    assert found(api_as(people["globex-owner"]), filter={"document": [str(vacation.pk)]}) == []


def test_members_find_nothing_of_projects_they_are_not_in(people, acme):
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
        add_member(project=project, user=people["acme-member"])
    read_document(TEXT, by=people["acme-manager"], project=project)
    member, viewer = api_as(people["acme-member"]), api_as(people["acme-viewer"])
    assert len(found(member)) == 1
    assert len(found(member, project=str(project.pk))) == 1
    assert found(viewer) == []
    hidden, unknown = (
        viewer.post(SEARCH, {"query": "x", "project": str(key)}) for key in (project.pk, uuid4())
    )
    assert fields_at_fault(hidden) == {"project"}
    assert hidden.content == unknown.content


@pytest.mark.parametrize(
    ("asked", "hits"),
    [
        ({"metadata": {"year": 2024}}, 1),
        ({"metadata": {"year": 2023}}, 0),
        ({"file_type": ["pdf"]}, 0),
        ({"document": []}, 0),
        ({"created_after": "2020-01-01T00:00:00Z"}, 1),
        ({"created_before": "2020-01-01T00:00:00Z"}, 0),
        ({}, 1),
    ],
)
def test_a_filter_narrows_what_is_found(people, vacation, asked, hits):
    assert len(found(api_as(people["acme-member"]), filter=asked)) == hits


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"query": ""}, "query"),
        ({"query": "a\x00b"}, "query"),
        ({"query": "x" * 5000}, "query"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 101}, "top_k"),
        ({"mode": "best"}, "mode"),
        ({"project": "x"}, "project"),
        ({"filter": {"document": ["x"]}}, "filter.document.0"),
        ({"filter": {"document": [1]}}, "filter.document.0"),
        ({"filter": {"created_after": "x"}}, "filter.created_after"),
        ({"filter": {"metadata": "x"}}, "filter.metadata"),
        ({"filter": "x"}, "filter"),
    ],
)
def test_a_question_is_validated(people, fields, at_fault):
    answer = api_as(people["acme-member"]).post(SEARCH, {"query": "x"} | fields, format="json")
    assert fields_at_fault(answer) == {at_fault}


def test_no_transaction_is_open_while_the_question_is_embedded(people, monkeypatch):
    seen = []

    def embed(text):
        seen.append((text, connection.in_atomic_block))
        raise views.Problem(503, "No model.")

    monkeypatch.setattr(views, "embed_query", embed)
    problem(api_as(people["acme-member"]).post(SEARCH, {"query": "days"}), 503)
    assert seen == [("days", False)]


def test_who_may_not_read_documents_may_not_search(people, acme):
    from tenants.services import set_roles

    with acting_for(acme):
        set_roles(user=people["acme-viewer"], roles=[])
    problem(api_as(people["acme-viewer"]).post(SEARCH, {"query": "x"}), 403)


def test_a_browser_searches_by_its_form(people, vacation):
    client = Client()
    client.force_login(people["acme-member"], backend="tenants.backends.LoginBackend")
    asked = {"query": "vacation", "top_k": "10", "mode": "hybrid", "project": ""}
    answer = client.post(SEARCH, asked, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/html")
    assert b"25 days" in answer.content
