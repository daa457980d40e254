"""The tables of grants, of every kind of row that can be granted."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission as NamedPermission
from django.core.exceptions import ValidationError
from django.db import ProgrammingError, connection, transaction

from common.ids import uuid7
from tenants.baker_recipes import role_recipe, user_recipe
from tenants.context import acting_for
from tenants.grants import is_grantable, tables
from tenants.models import Role
from tenants.models.grant import Grant, RoleGrant, UserGrant
from tenants.tests.declarations import breaks
from tenants.tests.rows import make_one_of_each

KINDS = [model for model in apps.get_models() if is_grantable(model)]
TABLES = [model for model in apps.get_models() if issubclass(model, Grant)]


def label(model):
    return model._meta.label


@pytest.fixture
def rows(acme):
    made = make_one_of_each(acme)
    with acting_for(acme):
        yield made


def test_three_kinds_of_rows_can_be_granted_each_to_users_and_to_roles():
    assert sorted(map(label, KINDS)) == [
        "agents.AgentConfig",
        "knowledge.Document",
        "tenants.Project",
    ]
    found = [table for model in KINDS for table in tables(model)]
    assert set(found) == set(TABLES)
    assert all(issubclass(of_users, UserGrant) for of_users in found[::2])
    assert all(issubclass(of_roles, RoleGrant) for of_roles in found[1::2])


@pytest.mark.parametrize("model", KINDS, ids=label)
def test_only_what_can_be_granted_has_a_name_to_grant_it_by(db, model):
    names = NamedPermission.objects.filter(content_type__app_label=model._meta.app_label)
    found = names.filter(content_type__model=model._meta.model_name)
    expected = {f"{action}_{model._meta.model_name}" for action in model.grantable}
    assert set(found.values_list("codename", flat=True)) == expected


@pytest.mark.parametrize("table", TABLES, ids=label)
def test_a_grant_is_there_once(rows, table):
    row = rows[label(table)]
    row.pk = uuid7()
    name = f"{table._meta.db_table}_once"
    assert breaks(name, lambda: row.save(force_insert=True))
    setattr(row, *(("user", user_recipe.make()) if "user" in table.ends else ("group", role())))
    row.save(force_insert=True)


def role():
    return role_recipe.make()


@pytest.mark.parametrize("table", [t for t in TABLES if issubclass(t, RoleGrant)], ids=label)
def test_a_grants_role_is_built_in_or_of_its_organization(rows, table):
    row = table.objects.filter(pk=rows[label(table)].pk)
    assert breaks(f"{table._meta.db_table}_scope", lambda: row.update(role_scope=uuid7()))
    built_in = Role.objects.get(name="Viewer", organization=None)
    assert not breaks("", lambda: row.update(group=built_in, role_scope=built_in.scope))
    assert breaks(f"{table._meta.db_table}_role", lambda: row.update(group=uuid7()))


@pytest.mark.parametrize("table", TABLES, ids=label)
def test_a_grant_refers_to_rows_of_its_organization(rows, table):
    granted = table._meta.get_field("content_object").related_model
    row = table.objects.filter(pk=rows[label(table)].pk)
    name = f"{table._meta.db_table}_content_object"
    assert breaks(name, lambda: row.update(content_object=uuid7()))
    assert not breaks("", lambda: row.update(content_object=rows[label(granted)]))
    if "user" in table.ends:
        stranger = uuid7()
        assert breaks(f"{table._meta.db_table}_user", lambda: row.update(user=stranger))


@pytest.mark.parametrize("table", TABLES, ids=label)
def test_a_grant_names_a_right_over_its_own_kind_of_row(rows, table):
    row = rows[label(table)]
    row.permission = NamedPermission.objects.exclude(
        content_type__model=row.content_object._meta.model_name
    ).first()
    with pytest.raises(ValidationError, match="not designed for"):
        row.save()


@pytest.mark.parametrize("kind", ["user", "group"])
def test_guardians_own_tables_are_nobodys(acme, kind):
    with (
        acting_for(acme),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"SELECT count(*) FROM guardian_{kind}objectpermission")
