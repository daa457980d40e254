"""The suite is tried itself: with one protection taken away, what checks it must notice."""

from contextlib import contextmanager

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from common.logins import APP, PLATFORM
from tenants import deletion, services
from tenants.context import SETTING, acting_for, refuse_without_organization
from tenants.fields import OrganizationField, SharedForeignKey, TenantForeignKey
from tenants.managers import LinkQuerySet, OrganizationManager
from tenants.models import Project, ProjectMember, User
from tenants.tests import catalogue
from tenants.tests.rows import tenant_models
from tenants.tests.sql import Attempts, connect, full_row, run
from tenants.tests.statements import every_statement_names

pytestmark = pytest.mark.django_db

TABLES = [model._meta.db_table for model in tenant_models()]


@contextmanager
def changed(do, undo):
    """Change the database as its owner, and change it back."""
    run(do)
    try:
        yield
    finally:
        run(undo)


@pytest.fixture(scope="module", autouse=True)
def everything_is_changed_back(committed):
    before = catalogue.everything()
    yield
    assert catalogue.everything() == before


def reached(committed, table, *, acting):
    """What the application's login reaches of Acme's rows in a table, acting for somebody."""
    target = committed["acme"]["tenants.Organization"].pk
    with connect(APP) as session:
        session.execute(f"SET {SETTING} = '{committed[acting]['tenants.Organization'].pk}'")
        return Attempts(table, target, full_row(table, target)).reached(session)


def policy(table):
    return "own_organization" if table == "tenants_organization" else "tenant"


@pytest.mark.parametrize("table", TABLES)
def test_a_policy_that_holds_nobody_is_noticed(committed, table):
    assert not reached(committed, table, acting="globex")
    (kept,) = [p for p in catalogue.policies()[table] if p.name == policy(table)]
    alter = f"ALTER POLICY {policy(table)} ON {table}"
    with changed(
        f"{alter} USING (true) WITH CHECK (true)",
        f"{alter} USING ({kept.using}) WITH CHECK ({kept.check})",
    ):
        assert reached(committed, table, acting="globex")


@pytest.mark.parametrize("table", TABLES)
def test_row_security_that_is_switched_off_is_noticed(committed, table):
    alter = f"ALTER TABLE {table}"
    with changed(f"{alter} DISABLE ROW LEVEL SECURITY", f"{alter} ENABLE ROW LEVEL SECURITY"):
        assert reached(committed, table, acting="globex")


@pytest.mark.parametrize("table", TABLES)
def test_a_policy_that_is_missing_is_noticed(committed, table):
    (kept,) = [p for p in catalogue.policies()[table] if p.name == policy(table)]
    rows = f"USING ({kept.using}) WITH CHECK ({kept.check})"
    before = reached(committed, table, acting="acme")
    with changed(
        f"DROP POLICY {kept.name} ON {table}",
        f"CREATE POLICY {kept.name} ON {table} TO {APP} {rows}",
    ):
        assert reached(committed, table, acting="acme") == {}
    assert reached(committed, table, acting="acme") == before != {}


CHANGES = {
    f"GRANT TRUNCATE ON agents_message TO {APP}": f"REVOKE TRUNCATE ON agents_message FROM {APP}",
    f"GRANT SELECT ON agents_message TO {PLATFORM}": (
        f"REVOKE ALL ON agents_message FROM {PLATFORM}"
    ),
    f"GRANT SELECT (role) ON agents_message TO {PLATFORM}": (
        f"REVOKE ALL (role) ON agents_message FROM {PLATFORM}"
    ),
    "GRANT EXECUTE ON FUNCTION tenants_find_login TO PUBLIC": (
        "REVOKE EXECUTE ON FUNCTION tenants_find_login FROM PUBLIC"
    ),
    "ALTER TABLE agents_message NO FORCE ROW LEVEL SECURITY": (
        "ALTER TABLE agents_message FORCE ROW LEVEL SECURITY"
    ),
    "ALTER TABLE agents_message DROP CONSTRAINT agents_message_conversation": (
        "ALTER TABLE agents_message ADD CONSTRAINT agents_message_conversation"
        " FOREIGN KEY (organization_id, conversation_id)"
        " REFERENCES agents_conversation (organization_id, id)"
    ),
    "CREATE TABLE forgotten (id int)": "DROP TABLE forgotten",
    "CREATE INDEX forgotten ON agents_message (created_at)": "DROP INDEX forgotten",
}


@pytest.mark.parametrize(("do", "undo"), CHANGES.items(), ids=CHANGES)
def test_the_catalogue_tells(do, undo):
    before = catalogue.everything()
    with changed(do, undo):
        assert catalogue.everything() != before


def test_without_the_guard_nobody_would_be_told_of_an_empty_answer(acme):
    connection.execute_wrappers.remove(refuse_without_organization)
    try:
        assert User.objects.count() == 0
    finally:
        connection.execute_wrappers.insert(0, refuse_without_organization)


def use(acme):
    """A little of everything, each statement of which must name the organization."""
    with acting_for(acme), every_statement_names(acme), transaction.atomic():
        project = services.create_project(organization_id=acme.pk, name="Rocket")
        user = User.objects.prefetch_related("roles").first()
        services.add_member(project=project, user=user)
        list(ProjectMember.all_objects.select_related("project"))
        list(Project.objects.exclude(members__full_name="Nobody"))
        ProjectMember.objects.all().delete()
        deletion.delete(project)
        transaction.set_rollback(True)


def test_what_is_used_here_names_the_organization(acme):
    use(acme)


PLAIN = {
    (OrganizationManager, "get_queryset"): models.Manager.get_queryset,
    (TenantForeignKey, "get_extra_restriction"): models.ForeignKey.get_extra_restriction,
    (SharedForeignKey, "get_extra_restriction"): models.ForeignKey.get_extra_restriction,
    (LinkQuerySet, "delete"): models.QuerySet.delete,
}


@pytest.mark.parametrize(("where", "name"), PLAIN, ids=lambda part: getattr(part, "__name__", part))
def test_a_statement_that_names_nobody_is_noticed(acme, monkeypatch, where, name):
    monkeypatch.setattr(where, name, PLAIN[where, name])
    with pytest.raises(AssertionError, match="tenants_"):
        use(acme)


def test_bulk_create_would_send_arrays(acme, monkeypatch):
    """A distributed table takes no rows from arrays under row security: VALUES it must be."""
    with acting_for(acme):
        sent = statements_of_bulk_create()
        assert "VALUES" in sent
        monkeypatch.delattr(OrganizationField, "get_placeholder")
        assert "UNNEST" in statements_of_bulk_create()


def statements_of_bulk_create():
    with CaptureQueriesContext(connection) as captured:
        Project.objects.bulk_create([Project(name="A"), Project(name="B")])
    return next(query["sql"] for query in captured if "INSERT" in query["sql"])
