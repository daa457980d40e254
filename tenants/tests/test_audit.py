"""Whatever changes a row leaves an entry in the audit trail, in the same transaction."""

import json

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from common.ids import uuid7
from tenants import deletion, services
from tenants.admin.testing import signed_in
from tenants.api.testing import api_as, problem
from tenants.audit.triggers import Audited
from tenants.checks import UNAUDITED, check_isolation
from tenants.context import acting_for
from tenants.models import AuditEntry, AuditSeal, Organization, Project, User
from tenants.models.role import PLATFORM_SCOPE
from tenants.testing import PASSWORD
from tenants.tests.declarations import breaks
from tenants.tests.rows import PLATFORMS, make_one_of_each, tenant_models
from tenants.tests.sql import run

pytestmark = pytest.mark.django_db
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])

TRAIL = "/admin/tenants/auditentry/"
AUDITED = [model for model in tenant_models() if model._meta.db_table not in UNAUDITED]
BOOKKEEPING = {"id", "organization", "created_at", "updated_at", "deleted_at", "deletion_id"}
BOOKKEEPING |= {"scope", "role_scope"}  # generated from the organization; copied from the role
# Columns of audited tables that the trail leaves out, each with its reason.
LEFT_OUT = {
    "tenants.Project.member_count": "a counter",
    "agents.AgentVersion.system_prompt": "the draft that it copies is audited",
    "agents.AgentVersion.temperature": "the draft that it copies is audited",
    "agents.AgentVersion.max_tokens": "the draft that it copies is audited",
    "agents.AgentVersion.tools": "the draft that it copies is audited",
    "agents.AgentVersion.metadata": "the draft that it copies is audited",
    "agents.Conversation.message_count": "a counter",
    "agents.Conversation.is_draft": "set once, with what the creation tells",
    "agents.ModelProvider.key_end": "a part of a key",
    "agents.Message.asked_with": "the token that a client showed",
    "agents.Message.content": "content",
    "agents.Message.citations": "content",
    "agents.Message.status": "how far a turn got",
    "agents.Message.finish_reason": "how a turn ended",
    "agents.Message.tokens_used": "what a turn took",
    "agents.Message.agent_version": "what a turn ran",
    "agents.Message.reply_to": "follows from the order",
    "agents.MessageFeedback.comment": "content",
    "agents.Message.idempotency_key": "a client's own mark",
    "knowledge.Document.file": "named by ids",
    "knowledge.Document.content": "content",
    "knowledge.Document.page_count": "found by reading",
    "knowledge.Document.embedding": "found by reading",
    "knowledge.Document.embedding_model": "found by reading",
    "knowledge.Document.is_processed": "follows from the status",
    "knowledge.Document.chunk_count": "found by reading",
    "knowledge.Document.lexeme_count": "found by reading",
    "knowledge.Document.is_language_chosen": "follows from the language",
    "knowledge.Document.place": "found by reading",
    **{
        f"knowledge.Document.{name}": "how far reading got"
        for name in ("pages_read", "pages_total", "chunks_embedded", "chunks_total")
    },
    "knowledge.Document.attempts": "counted by the queue",
    "knowledge.Document.attachment_position": "the order of what is attached",
    "knowledge.Document.notice": "found by reading",
}


def entries(organization, **wanted):
    with acting_for(organization):
        return list(AuditEntry.objects.filter(**wanted).order_by("created_at"))


def constraint_of(model):
    return next(c for c in model._meta.constraints if isinstance(c, Audited))


def ids(models):
    return [model._meta.label for model in models]


@pytest.mark.parametrize("model", AUDITED, ids=ids(AUDITED))
def test_every_column_is_audited_or_left_out_for_a_reason(model):
    audited = constraint_of(model)
    written = {*audited.columns, *audited.secrets}
    for field in model._meta.concrete_fields:
        if field.name in BOOKKEEPING or field.name == "is_deleted":
            continue
        left_out = f"{model._meta.label}.{field.name}" in LEFT_OUT
        assert (field.column in written) != left_out, field


def test_a_table_without_an_audit_trail_fails_a_check(monkeypatch):
    assert check_isolation(None) == []
    constraints = [c for c in Project._meta.constraints if not isinstance(c, Audited)]
    monkeypatch.setattr(Project._meta, "constraints", constraints)
    assert [error.id for error in check_isolation(None)] == ["tenants.E005"]


def test_every_audited_table_writes_what_is_made_changed_and_removed(acme):
    made = make_one_of_each(acme)
    for model in [model for model in AUDITED if model._meta.label not in PLATFORMS]:
        row = made[model._meta.label]
        [*_, created] = entries(acme, object_type=model._meta.label, action="created")
        assert created.object_id == row.pk
        assert created.before is None
        assert created.after.keys() == set(constraint_of(model).columns)
        assert created.is_content == constraint_of(model).content


def test_every_audited_table_writes_what_is_deleted_and_restored(acme):
    made = make_one_of_each(acme)
    with acting_for(acme):
        for model in [model for model in AUDITED if model._meta.label not in PLATFORMS]:
            row = made[model._meta.label]
            if hasattr(row, "is_deleted") and model is not Organization:
                deletion.delete(row)
                deletion.restore(row)
                found = AuditEntry.objects.filter(object_id=row.pk).order_by("created_at")
                assert [e.action for e in found][-2:] == ["deleted", "restored"], model


@pytest.mark.parametrize("login", ["chancery_app", "chancery_platform", "chancery_owner"])
@pytest.mark.parametrize("table", ["tenants_auditentry", "tenants_auditseal"])
@pytest.mark.django_db(transaction=True)
def test_nobody_changes_or_removes_an_entry(acme, table, login):
    from psycopg.errors import InsufficientPrivilege

    from tenants.tests.sql import connect

    column = "action" if table == "tenants_auditentry" else "entry_id"
    with connect(login) as session, session.transaction():
        session.execute(f"SET LOCAL app.organization_id = '{acme.pk}'")
        assert session.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(InsufficientPrivilege), session.transaction():
                session.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_a_seal_is_set_once(acme):
    from psycopg.errors import InsufficientPrivilege

    seal = "UPDATE tenants_auditseal SET position = 1, digest = 'x' WHERE entry_id = "
    [(entry,)] = run("SELECT entry_id FROM tenants_auditseal LIMIT 1")
    run(f"{seal} '{entry}'")
    with pytest.raises(InsufficientPrivilege):
        run(f"{seal} '{entry}'")


def test_a_seal_is_whole_and_its_place_its_own(acme):
    with acting_for(acme):
        one, other = list(AuditSeal.objects.filter(position=None)[:2])
        at = AuditSeal.objects.filter(pk=one.pk)
        assert breaks("tenants_auditseal_whole", lambda: place(at, position=1, digest=None))
        assert breaks("tenants_auditseal_whole", lambda: place(at, position=0, digest="x"))
        at.update(position=1, digest="x")
        taken = AuditSeal.objects.filter(pk=other.pk)
        assert breaks("tenants_auditseal_position", lambda: taken.update(position=1, digest="y"))


def place(seal, **values):
    """Make a seal anew: one that stands is only ever set."""
    AuditSeal(organization_id=seal.get().organization_id, entry_id=uuid7(), **values).save(
        force_insert=True
    )


def test_an_entry_says_who_how_and_from_where(acme, people):
    owner = api_as(people["acme-owner"])
    made = owner.post("/api/v1/projects/", {"name": "Rocket"}, REMOTE_ADDR="192.0.2.7").json()
    owner.patch(f"/api/v1/projects/{made['id']}/", {"name": "Rocket II"})
    created, changed = entries(acme, object_id=made["id"])
    assert created.actor_id == people["acme-owner"].pk
    assert (created.actor_name, created.acting_as) == ("acme-owner", "member")
    assert (created.way, created.address) == ("api", "192.0.2.7")
    assert (created.action, created.object_type, created.object_name) == (
        "created",
        "tenants.Project",
        "Rocket",
    )
    assert (changed.action, changed.before, changed.after) == (
        "changed",
        {"name": "Rocket"},
        {"name": "Rocket II"},
    )


def test_what_is_refused_leaves_no_entry(acme, people):
    owner, viewer = api_as(people["acme-owner"]), api_as(people["acme-viewer"])
    before = len(entries(acme))
    problem(owner.post("/api/v1/users/", {"email": "x"}), 400)
    problem(viewer.post("/api/v1/projects/", {"name": "Rocket"}), 403)
    with pytest.raises(RuntimeError), acting_for(acme):
        services.create_project(organization_id=acme.pk, name="Rocket")
        raise RuntimeError
    assert len(entries(acme)) == before


def test_what_changes_nothing_leaves_no_entry(acme):
    with acting_for(acme):
        project = services.create_project(organization_id=acme.pk, name="Rocket")
        before = AuditEntry.objects.count()
        project.save()
        assert AuditEntry.objects.count() == before


def test_changes_in_the_admin_are_written(acme, people):
    with acting_for(acme):
        project = services.create_project(organization_id=acme.pk, name="Rocket")
    page = reverse("admin:tenants_project_change", args=[project.pk])
    owner = signed_in("acme-owner")
    answer = owner.post(page, {"name": "Rocket II", "is_active": "on", **formsets(owner, page)})
    assert answer.status_code == 302, answer.content
    [*_, changed] = entries(acme, object_id=project.pk)
    assert (changed.way, changed.actor_name) == ("admin", "acme-owner")
    assert changed.after["name"] == "Rocket II"


def formsets(client, page):
    """What the sections of a page send along when nothing of them is changed."""
    return {
        f"{section.formset.prefix}-{name}": 0
        for section in client.get(page).context["inline_admin_formsets"]
        for name in ("TOTAL_FORMS", "INITIAL_FORMS")
    }


@both_logins
def test_an_organization_sees_what_platform_staff_changed_of_it(acme, people):
    staff = signed_in("staff")
    page = reverse("admin:tenants_organization_change", args=[acme.pk])
    form = {
        "name": "Acme",
        "slug": "acme",
        "max_users": 7,
        "max_projects": 10,
        "max_storage_gb": 100,
        "retention_days": 30,
        "is_active": "on",
    }
    assert staff.post(page, form).status_code == 302
    [*_, changed] = entries(acme, object_id=acme.pk)
    assert (changed.before, changed.after) == ({"max_users": 50}, {"max_users": 7})
    assert (changed.actor_name, changed.acting_as) == ("staff", "platform staff")


def test_a_change_by_no_person_names_the_login_and_the_program(acme):
    with acting_for(acme):
        project = services.create_project(organization_id=acme.pk, name="Rocket")
    [created] = entries(acme, object_id=project.pk)
    assert (created.acting_as, created.actor_name) == ("system", "chancery_app")
    assert created.way.startswith("chancery ")


def test_of_secrets_only_that_they_changed(acme, people):
    with acting_for(acme):
        person = User.objects.get(username="acme-member")
        person.set_password("another long secret")
        person.save()
        made = AuditEntry.objects.filter(object_id=person.pk).order_by("created_at")
        assert made.last().after == {"password": "changed"}
    with acting_for(acme):
        trail = json.dumps([[e.before, e.after] for e in AuditEntry.objects.all()])
    assert "argon2" not in trail
    digests = run("SELECT digest FROM tenants_accesstoken")
    assert not [d for (d,) in digests if d in trail]


def test_an_organization_sees_no_other_ones_trail(acme, globex, people):
    with acting_for(globex):
        services.create_project(organization_id=globex.pk, name="Canary")
    answer = api_as(people["acme-owner"]).get("/api/v1/audit/?page_size=200")
    assert answer.status_code == 200
    assert "Canary" not in answer.content.decode()
    own = api_as(people["globex-owner"]).get("/api/v1/audit/?page_size=200")
    assert "Canary" in own.content.decode()


@pytest.mark.parametrize("name", ["acme-viewer", "acme-member", "acme-manager"])
def test_the_trail_is_for_those_who_may_see_it(people, name):
    problem(api_as(people[name]).get("/api/v1/audit/"), 403)
    assert (
        signed_in("acme-owner").get(reverse("admin:tenants_auditentry_changelist")).status_code
        == 200
    )


@pytest.mark.django_db(transaction=True)
def test_the_platforms_own_rows_have_a_trail_of_the_platforms(people):
    [(found,)] = run(
        "SELECT organization_id FROM tenants_auditentry WHERE object_name = 'staff' LIMIT 1"
    )
    assert found == PLATFORM_SCOPE


@both_logins
@pytest.mark.parametrize("name", ["acme-member", "staff"])
def test_signing_in_is_written(people, name):
    def sign_in(password):
        return APIClient().post(
            "/api/v1/auth/login/", {"login": name, "password": password}, REMOTE_ADDR="192.0.2.9"
        )

    assert sign_in("guess").status_code == 401
    assert sign_in(PASSWORD).status_code == 200
    written = (
        "SELECT action, acting_as, actor_name, address, object_id = %(id)s FROM tenants_auditentry"
        " WHERE address = '192.0.2.9' ORDER BY created_at"
    )
    acting_as = "platform staff" if name == "staff" else "member"
    assert run(written, {"id": people[name].pk}) == [
        ("sign-in failed", "nobody", "", "192.0.2.9", True),
        ("signed in", acting_as, name, "192.0.2.9", True),
        ("created", acting_as, name, "192.0.2.9", False),  # the token
    ]


@both_logins
def test_a_sign_in_with_a_name_that_nobody_has_is_the_platforms(people):
    client = APIClient()
    answer = client.post("/api/v1/auth/login/", {"login": "nobody", "password": "guess"})
    assert answer.status_code == 401
    written = "SELECT organization_id::text, object_id FROM tenants_auditentry WHERE action = %s"
    assert run(written, ["sign-in failed"]) == [(str(PLATFORM_SCOPE), None)]
