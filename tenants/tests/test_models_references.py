"""No row refers to a row of another organization, whoever writes it."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from common.ids import uuid7
from common.logins import APP, OWNER, PLATFORM
from tenants.context import SETTING, acting_for
from tenants.lookup import find_by_token
from tenants.models import AccessToken, Permission, Role, RolePermission, UserRole
from tenants.models.role import PLATFORM_SCOPE
from tenants.models.token import digest
from tenants.rls import CompositeForeignKey, RowSecurity
from tenants.tests.rows import make_row, tenant_models
from tenants.tests.sql import connect, run

pytestmark = pytest.mark.django_db

REFERENCES = {
    constraint.name: (model, constraint.field)
    for model in tenant_models()
    for constraint in model._meta.constraints
    if isinstance(constraint, CompositeForeignKey)
}


def may_be_written(name):
    model, field = REFERENCES[name]
    [rows] = [one for one in model._meta.constraints if isinstance(one, RowSecurity)]
    return not rows.columns or model._meta.get_field(field).column in rows.columns


WRITTEN = [name for name in REFERENCES if may_be_written(name)]
WRITTEN_ONCE = [name for name in REFERENCES if not may_be_written(name)]


def referred(model, field, made):
    return made[model._meta.get_field(field).related_model._meta.label]


@pytest.fixture
def acme(committed):
    return committed["acme"]["tenants.Organization"]


@pytest.mark.parametrize("name", REFERENCES)
def test_a_new_row_cannot_refer_to_another_organizations(committed, acme, name):
    model, field = REFERENCES[name]
    foreign = {field: referred(model, field, committed["globex"])}
    with acting_for(acme), pytest.raises(IntegrityError), transaction.atomic():
        make_row(model, committed["acme"], "acme-again", **foreign)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_row_cannot_be_turned_towards_another_organizations(committed, acme, name):
    model, field = REFERENCES[name]
    foreign = {field: referred(model, field, committed["globex"])}
    row = committed["acme"][model._meta.label]
    with acting_for(acme), pytest.raises(IntegrityError, match=name), transaction.atomic():
        model._base_manager.filter(pk=row.pk).update(**foreign)


@pytest.mark.parametrize("name", REFERENCES)
def test_not_even_the_owner_can_turn_a_row_towards_another_organizations(committed, name):
    model, field = REFERENCES[name]
    column = model._meta.get_field(field).column
    table, key = model._meta.db_table, "organization_id"
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as refusal:
        run(
            f"UPDATE {table} SET {column} = %s WHERE {key} = %s",
            [
                referred(model, field, committed["globex"]).pk,
                committed["acme"]["tenants.Organization"].pk,
            ],
            login=OWNER,
        )
    assert refusal.value.diag.constraint_name == name


def turned_to_its_own(committed, acme, name):
    model, field = REFERENCES[name]
    row = committed["acme"][model._meta.label]
    own = {field: referred(model, field, committed["acme"])}
    with acting_for(acme):
        return model._base_manager.filter(pk=row.pk).update(**own)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_row_may_refer_to_its_own_organizations(committed, acme, name):
    assert turned_to_its_own(committed, acme, name) == 1


@pytest.mark.parametrize("name", WRITTEN_ONCE)
def test_what_a_row_that_is_written_once_refers_to_stays(committed, acme, name):
    with pytest.raises(ProgrammingError, match="permission denied"):
        turned_to_its_own(committed, acme, name)


@pytest.mark.parametrize("scope", ["zeros", "acme", "globex", "random"])
@pytest.mark.parametrize("login", [APP, OWNER, PLATFORM])
def test_a_member_cannot_have_another_organizations_role(committed, login, scope):
    scopes = {name: made["tenants.Organization"].pk for name, made in committed.items()}
    scopes |= {"zeros": PLATFORM_SCOPE, "random": uuid4()}
    row = [uuid7(), scopes["acme"], committed["acme"]["tenants.User"].pk]
    row += [committed["globex"]["tenants.Role"].pk, scopes[scope]]
    with connect(login) as connection, pytest.raises(psycopg.errors.IntegrityError):
        connection.execute(f"SET {SETTING} = '{scopes['acme']}'")
        connection.execute(
            "INSERT INTO tenants_userrole"
            " (id, organization_id, user_id, role_id, role_scope, created_at)"
            " VALUES (%s, %s, %s, %s, %s, now())",
            row,
        )


def test_the_scope_of_a_link_is_its_roles_whatever_is_given(committed, acme):
    with acting_for(acme):
        built_in = UserRole.objects.create(
            user=committed["acme"]["tenants.User"],
            role=Role.objects.filter(organization=None).first(),
            role_scope=acme.pk,
        )
        built_in.refresh_from_db()
        assert built_in.role_scope == PLATFORM_SCOPE
        own = UserRole.objects.get(role=committed["acme"]["tenants.Role"])
        assert own.role_scope == acme.pk
        for link, scope in ((built_in, acme.pk), (own, PLATFORM_SCOPE), (own, uuid4())):
            with pytest.raises(IntegrityError), transaction.atomic():
                UserRole.objects.filter(pk=link.pk).update(role_scope=scope)


@pytest.mark.parametrize("organization", ["acme", None])
def test_a_permission_cannot_be_added_to_another_organizations_role(committed, organization):
    acme = committed["acme"]["tenants.Organization"].pk
    row = [uuid7(), acme if organization else None, committed["globex"]["tenants.Role"].pk]
    for login in (APP, OWNER, PLATFORM):
        with connect(login) as connection, pytest.raises(psycopg.errors.Error) as refusal:
            connection.execute(f"SET {SETTING} = '{acme}'")
            connection.execute(
                "INSERT INTO tenants_rolepermission (id, organization_id, role_id, permission_id)"
                " VALUES (%s, %s, %s, %s)",
                [*row, Permission.objects.last().pk],
            )
        assert refusal.value.sqlstate in {"23503", "42501"}  # foreign key, policy


def test_nobody_but_the_owner_changes_a_built_in_role(committed, acme):
    with acting_for(acme):
        built_in = Role.objects.get(name="Member", organization=None)
        assert not Role.all_objects.filter(pk=built_in.pk).update(name="Mine")
        assert not RolePermission.all_objects.filter(role=built_in).delete()[0]
        with pytest.raises(ProgrammingError, match="row-level"), transaction.atomic():
            Role.objects.create(name="Everybody's", organization=None)
        with pytest.raises(ProgrammingError, match="row-level"), transaction.atomic():
            RolePermission.objects.create(
                role=built_in, permission=Permission.objects.first(), organization=None
            )


def test_a_token_that_names_no_organization_is_nobodys(committed):
    """Platform staff's login could write one for a member, and the organization not see it."""
    run(
        "INSERT INTO tenants_accesstoken (id, created_at, updated_at, is_deleted, user_id, name,"
        " prefix, digest, scopes, expires_at)"
        " VALUES (%s, now(), now(), false, %s, '', 'chy_', %s, '[]', now() + interval '1 day')",
        [uuid7(), committed["acme"]["tenants.User"].pk, digest("forged")],
        login=PLATFORM,
    )
    assert find_by_token(digest("forged")) is None
    with acting_for(committed["acme"]["tenants.Organization"]):
        token, secret = AccessToken.objects.issue(
            user=committed["acme"]["tenants.User"], lifetime=timedelta(days=1)
        )
    assert find_by_token(digest(secret)).token_id == token.pk
