"""An organization's API, jobs and admin: every statement that they send names the organization.

What others find there is asked by `config.tests.matrix`.
"""

import re
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.backends.signals import connection_created
from django.utils import timezone

from agents.accounting.budgets import Caller
from agents.tasks import settle_lost_calls
from agents.testing import answer, ask
from agents.tests.accounting.conftest import begin, end, make_budget
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
    "providers": "agents.ModelProvider",
    "budgets": "agents.Budget",
    "audit": "tenants.AuditEntry",
    "versions": "agents.AgentVersion",
    "documents": "knowledge.Document",
    "chunks": "knowledge.DocumentChunk",
    "conversations": "agents.Conversation",
    "messages": "agents.Message",
}


def filled(path, rows=None):
    """The path with the ids of rows in it, or with random ones."""

    def id_of(part):
        return f"{part[1]}/{rows[MODELS[part[1]]].pk if rows and part[1] in MODELS else uuid4()}"

    return "/api/v1/" + re.sub(r"(\w+)/\(\?P<\w+>\[\^/\.\]\+\)", id_of, path.strip("^$"))


@pytest.fixture
def acmes(acme):
    return make_one_of_each(acme)


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


def test_every_statement_of_the_accounting_names_the_organization(acme, people):
    caller = Caller(acme.pk, user_id=people["acme-member"].pk)
    with acting_for(acme):
        make_budget(1_000)
        make_budget(1_000, period="day", user_id=caller.user_id)
    with statements_collected() as statements:
        end(begin(caller))
        begin(caller, at=timezone.now() - timedelta(hours=1))
        assert settle_lost_calls(0) == 1
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
