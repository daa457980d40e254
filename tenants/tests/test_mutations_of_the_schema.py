"""Each policy, privilege, key and function is taken away or widened: a test of the schema notices.

All happens in one transaction of the owner, which is undone. What the application would reach then
is tried in `test_mutations`.
"""

import inspect
from functools import partial

import pytest
from django.db.models import UUIDField

from common.logins import APP, OWNER, PLATFORM
from tenants.rls import _POLICIES, CompositeForeignKey, OrganizationKey, RowSecurity
from tenants.tests import catalogue, test_catalogue, test_models_references
from tenants.tests.noticing import noticing, reported
from tenants.tests.rows import tenant_models
from tenants.tests.sql import connect
from tenants.tests.test_catalogue import (
    LOOKUPS,
    PLATFORM_TABLES,
    REPLICATED_TABLES,
    expected_privileges,
)

pytestmark = [pytest.mark.long, pytest.mark.django_db]

ALL_PRIVILEGES = {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}


def of_a_policy(table, name):
    yield f"DROP POLICY {name} ON {table}"
    yield f"ALTER POLICY {name} ON {table} TO PUBLIC"
    yield f"ALTER POLICY {name} ON {table} TO {APP}, {PLATFORM}"
    if name != "platform":
        yield f"ALTER POLICY {name} ON {table} USING (true)"
    if name not in ("platform", "readable_if_null"):
        yield f"ALTER POLICY {name} ON {table} WITH CHECK (true)"


def of_privileges(table):
    for login in (APP, PLATFORM):
        held = expected_privileges(table).get(login, set())
        yield from (f"REVOKE {one} ON {table} FROM {login}" for one in sorted(held))
        yield from (f"GRANT {one} ON {table} TO {login}" for one in sorted(ALL_PRIVILEGES - held))
    yield f"GRANT SELECT ON {table} TO PUBLIC"


def of_a_reference(table, name, field):
    alter = f"ALTER TABLE {table}"
    is_uuid = isinstance(field.target_field, UUIDField)
    elsewhere = "tenants_permission" if is_uuid else "django_content_type"
    plain = f"FOREIGN KEY ({field.column}) REFERENCES {elsewhere} NOT VALID"
    yield f"{alter} DROP CONSTRAINT {name}"
    yield f"{alter} ALTER CONSTRAINT {name} DEFERRABLE"
    yield f"{alter} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {plain}"


def of_a_table(model):
    table = model._meta.db_table
    yield f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY forgotten ON {table} FOR SELECT USING (true)"
    yield f"CREATE VIEW forgotten AS SELECT * FROM {table}"
    if table not in REPLICATED_TABLES and len(model._meta.concrete_fields) > 2:
        column = model._meta.concrete_fields[-1].column
        yield f"CREATE INDEX forgotten ON {table} ({column})"
    for constraint in model._meta.constraints:
        if isinstance(constraint, RowSecurity):
            for name, _, _ in _POLICIES[constraint.policy]:
                yield from of_a_policy(table, name)
        elif isinstance(constraint, CompositeForeignKey):
            field = model._meta.get_field(constraint.field)
            yield from of_a_reference(table, constraint.name, field)
        elif isinstance(constraint, OrganizationKey):
            yield f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey CASCADE"
    if table in PLATFORM_TABLES:
        yield from of_a_policy(table, "platform")
    yield from of_privileges(table)


def of_a_function(name):
    for what in ("SECURITY INVOKER", "VOLATILE", "RESET search_path"):
        yield f"ALTER FUNCTION {name} {what}"
    yield f"GRANT EXECUTE ON FUNCTION {name} TO PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION {name} TO {PLATFORM}"
    yield f"REVOKE EXECUTE ON FUNCTION {name} FROM {APP}"


MUTATIONS = [
    *(mutation for model in tenant_models() for mutation in of_a_table(model)),
    *(mutation for name in sorted(LOOKUPS) for mutation in of_a_function(name)),
    "CREATE TABLE forgotten (id int)",
    f"GRANT CREATE ON SCHEMA public TO {APP}",
    f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {APP}",
    "CREATE FUNCTION forgotten() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
]
CATALOGUE = {
    name: check
    for name, check in vars(test_catalogue).items()
    if name.startswith("test_") and not inspect.signature(check).parameters
}


@pytest.fixture(scope="module")
def table():
    with reported("The schema") as found:
        yield found


@pytest.fixture
def session(committed, monkeypatch):
    """A transaction of the owner, in which the tests of the schema look, too."""
    with connect(OWNER) as connection:

        def run(statement, parameters=None, *, login=OWNER):
            assert login == OWNER
            with connection.transaction():
                cursor = connection.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []

        for module in (catalogue, test_catalogue, test_models_references):
            monkeypatch.setattr(module, "run", run)
        with connection.transaction(force_rollback=True):
            yield connection


def test_nothing_is_noticed_where_nothing_was_changed(session):
    assert len(CATALOGUE) > 15
    assert noticing(CATALOGUE) == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_change_of_the_schema_is_noticed(session, table, mutation):
    session.execute(mutation)
    table[mutation] = noticing(CATALOGUE)
    assert table[mutation]


@pytest.mark.parametrize("name", test_models_references.REFERENCES)
def test_a_reference_that_is_missing_is_noticed(session, committed, table, name):
    turn = (
        test_models_references.test_not_even_the_owner_can_turn_a_row_towards_another_organizations
    )
    checks = {turn.__name__: partial(turn, committed, name)}
    assert noticing(checks) == []
    model, _ = test_models_references.REFERENCES[name]
    session.execute(f"ALTER TABLE {model._meta.db_table} DROP CONSTRAINT {name}")
    table[f"{name} is missing"] = noticing(checks)
    assert table[f"{name} is missing"]
