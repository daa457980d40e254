"""An organization's API, jobs and admin: what they ask the database, what others find there."""

import re
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.backends.signals import connection_created

from agents.testing import answer, ask
from config.tests.test_api import ROUTES
from knowledge.testing import read_document
from tenants.admin.testing import page, signed_in
from tenants.api.testing import api_as
from tenants.context import acting_for
from tenants.tests.rows import make_one_of_each
from tenants.tests.statements import unnamed_tables

pytestmark = pytest.mark.django_db(transaction=True)

# What the parts of a path name.
MODELS = {
    "users": "tenants.User",
    "roles": "tenants.Role",
    "tokens": "tenants.AccessToken",
    "projects": "tenants.Project",
    "members": "tenants.User",
    "agents": "agents.AgentConfig",
    "audit": "tenants.AuditEntry",
    "versions": "agents.AgentVersion",
    "documents": "knowledge.Document",
    "chunks": "knowledge.DocumentChunk",
    "conversations": "agents.Conversation",
    "messages": "agents.Message",
}
BELONGING_TO_NOBODY = {"permissions"}


def row_routes():
    """(path with an id in it, methods) of every route about one row of an organization."""
    for path, view in ROUTES:
        if "(?P<" in path and path.split("/")[0].strip("^") not in BELONGING_TO_NOBODY:
            yield path, sorted(view.actions)


def filled(path, rows=None):
    """The path with the ids of rows in it, or with random ones."""

    def id_of(part):
        return f"{part[1]}/{rows[MODELS[part[1]]].pk if rows and part[1] in MODELS else uuid4()}"

    return "/api/v1/" + re.sub(r"(\w+)/\(\?P<\w+>\[\^/\.\]\+\)", id_of, path.strip("^$"))


@pytest.fixture
def acmes(acme):
    return make_one_of_each(acme)


def told(response):
    """All that an answer says, but for what differs from one to the next by chance."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return response.status_code, body, sorted(response.headers)


def test_another_organizations_rows_are_answered_like_rows_that_are_not_there(acmes, people):
    foreigner = api_as(people["globex-owner"])
    asked = 0
    for path, methods in row_routes():
        for method in methods:
            theirs = told(getattr(foreigner, method)(filled(path, acmes)))
            nobodys = told(getattr(foreigner, method)(filled(path)))
            assert theirs == nobodys, f"{method} {path}"
            assert theirs[0] == 404, f"{method} {path}: {theirs}"
            asked += 1
    assert asked > 30


def test_the_same_rows_are_there_for_their_own_organization(acmes, people):
    owner = api_as(people["acme-owner"])
    found = {
        path: owner.get(filled(path, acmes)).status_code
        for path, methods in row_routes()
        if "get" in methods and not path.endswith(("file/$", "events/$"))
    }
    missing = {path for path, status in found.items() if status == 404 and "members" not in path}
    assert not missing
    assert len(found) > 8


def test_no_list_holds_anything_of_another_organization(acmes, people):
    foreigner = api_as(people["globex-owner"])
    ids = {str(row.pk) for row in acmes.values() if hasattr(row, "deletion_id")}
    for path, view in ROUTES:
        if "(?P<" in path or "get" not in getattr(view, "actions", {}):
            continue
        body = foreigner.get(filled(path)).content.decode()
        assert not [one for one in ids if one in body], path


@contextmanager
def statements_collected():
    """Collect what every connection is asked inside, those of other threads included."""
    collected = []

    def note(execute, sql, params, many, context):
        try:
            return execute(sql, params, many, context)
        finally:
            text = context["connection"].ops.last_executed_query(context["cursor"], sql, params)
            collected.append(text or "")

    def listen(*, connection, **kwargs):
        connection.execute_wrappers.append(note)

    connection.ensure_connection()
    listen(connection=connection)
    connection_created.connect(listen)
    try:
        yield collected
    finally:
        connection_created.disconnect(listen)
        if note in connection.execute_wrappers:
            connection.execute_wrappers.remove(note)


def refuse_unnamed(statements, organization):
    unnamed = [s for s in statements if unnamed_tables(s, organization)]
    assert statements
    assert not unnamed, "\n".join(unnamed)


def test_every_statement_of_the_api_names_the_organization(acme, acmes, people):
    with statements_collected() as statements:
        for name in ("acme-owner", "acme-member", "acme-viewer"):
            client = api_as(people[name])
            for path, view in ROUTES:
                if "get" in getattr(view, "actions", {}) and not path.endswith("events/$"):
                    client.get(filled(path, acmes))
        owner = api_as(people["acme-owner"])
        project = owner.post("/api/v1/projects/", {"name": "Rocket"}).json()["id"]
        file = SimpleUploadedFile("notes.md", b"# Notes\n\nFive days may be carried over.\n")
        made = owner.post(
            "/api/v1/documents/", {"file": file, "project": project}, format="multipart"
        )
        assert made.status_code == 201, made.content
        owner.patch(f"/api/v1/documents/{made.json()['id']}/", {"is_searchable": False})
        owner.post("/api/v1/search/", {"query": "carry over"}, format="json")
        owner.delete(f"/api/v1/projects/{project}/")
    refuse_unnamed(statements, acme)


def test_every_statement_of_the_jobs_names_the_organization(acme, people):
    with statements_collected() as statements:
        read_document("# Leave\n\nFive days may be carried over.\n", by=people["acme-owner"])
        reply = ask(
            people["acme-owner"], "How many days may be carried over?", model_name="extractive"
        )
        assert answer(reply).status == "completed"
    refuse_unnamed(statements, acme)


def test_every_statement_of_an_organizations_staff_names_the_organization(acme, acmes):
    owner = signed_in("acme-owner")
    with statements_collected() as statements:
        for model in admin.site._registry:
            label = model._meta.label
            owner.get(page(model, "changelist"))
            owner.get(page(model, "changelist"), {"q": "a"})
            if label in acmes:
                owner.get(page(model, "change", acmes[label].pk))
                owner.get(page(model, "delete", acmes[label].pk))
    refuse_unnamed(statements, acme)


def test_the_collector_finds_a_statement_that_names_nobody(acme):
    with acting_for(acme), statements_collected() as statements, connection.cursor() as cursor:
        cursor.execute('SELECT count(*) FROM "tenants_project"')
    with pytest.raises(AssertionError, match="tenants_project"):
        refuse_unnamed(statements, acme)
