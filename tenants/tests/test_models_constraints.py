"""What the named constraints of people, roles and projects refuse, and what they let pass."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, models, transaction
from django.db.models import F

from common.ids import uuid7
from tenants.baker_recipes import organization_recipe, project_recipe, role_recipe, user_recipe
from tenants.context import acting_for
from tenants.deletion import delete, restore
from tenants.models import (
    AccessToken,
    Organization,
    Permission,
    Project,
    ProjectMember,
    Role,
    RolePermission,
    StaffAccess,
    User,
    UserRole,
)
from tenants.models.role import PLATFORM_SCOPE
from tenants.testing import as_owner
from tenants.tests.declarations import breaks, declared
from tenants.tests.rows import make_one_of_each, make_staff_access

GONE = {"is_deleted": True, "deleted_at": "2026-01-01T00:00Z", "deletion_id": uuid7()}
CHECKS = [
    ("tenants_user_email_lower_case", User, {"email": "A@b.test"}, {"email": "a@b.test"}),
    ("tenants_user_email_lower_case", User, {"email": "É@b.test"}, {"email": "é@b.test"}),
    ("tenants_user_username_is_no_address", User, {"username": "a@b"}, {"username": "a.b"}),
    ("tenants_user_platform_staff", User, {"is_superuser": True}, {"is_superuser": False}),
    ("tenants_userrole_scope", UserRole, {"role_scope": uuid7()}, {}),
    *(
        (f"{model._meta.db_table}_deletion", model, wrong, GONE)
        for model in (User, Project, Role, AccessToken)
        for wrong in (
            {"is_deleted": True},
            {"deleted_at": "2026-01-01T00:00Z"},
            {"deletion_id": uuid7()},
            GONE | {"deletion_id": None},
            GONE | {"deleted_at": None},
            GONE | {"is_deleted": False},
        )
    ),
]

_BEGUN = F("created_at")
_MOMENT, _LONGEST = timedelta(microseconds=1), timedelta(hours=8)
ACCESS_CHECKS = [
    ("tenants_staffaccess_reason", {"reason": "   helping   "}, {"reason": "   helping out"}),
    ("tenants_staffaccess_time", {"expires_at": _BEGUN}, {"expires_at": _BEGUN + _MOMENT}),
    (
        "tenants_staffaccess_time",
        {"expires_at": _BEGUN + _LONGEST + _MOMENT},
        {"expires_at": _BEGUN + _LONGEST},
    ),
    ("tenants_staffaccess_end", {"ended_at": _BEGUN - _MOMENT}, {"ended_at": _BEGUN}),
    (
        "tenants_staffaccess_end",
        {"ended_at": F("expires_at") + _MOMENT},
        {"ended_at": F("expires_at")},
    ),
]


@pytest.fixture
def rows(acme):
    made = make_one_of_each(acme)
    with acting_for(acme):
        yield made


@pytest.mark.parametrize(("name", "model", "wrong", "right"), CHECKS)
def test_a_check_refuses_what_must_never_be(rows, name, model, wrong, right):
    row = model._base_manager.filter(pk=rows[model._meta.label].pk)
    assert breaks(name, lambda: row.update(**wrong))
    assert not right or not breaks(name, lambda: row.update(**right))


@pytest.mark.django_db(transaction=True)
def test_the_checks_that_only_the_owner_can_break():
    with as_owner():
        organization = Organization.objects.filter(slug="acme")
        name = "tenants_organization_deletion"
        assert breaks(name, lambda: organization.update(is_deleted=True))
        assert not breaks(name, lambda: organization.update(**GONE))
        name = "tenants_organization_retention"
        assert breaks(name, lambda: organization.update(retention_days=0))
        assert not breaks(name, lambda: organization.update(retention_days=1))
        staff = User.objects.filter(username="staff")
        name = "tenants_user_platform_staff"
        assert breaks(name, lambda: staff.update(is_superuser=False))
        assert breaks(name, lambda: staff.update(organization=organization.get()))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "wrong", "right"), ACCESS_CHECKS)
def test_an_access_has_a_reason_and_an_end(acme, name, wrong, right):
    make_staff_access(acme)
    with as_owner():
        assert breaks(name, lambda: StaffAccess.objects.update(**wrong))
        assert not breaks(name, lambda: StaffAccess.objects.update(**right))


def test_every_check_is_tried():
    elsewhere = {
        "tenants_auditseal_whole",
        "tenants_organization_deletion",
        "tenants_organization_retention",
    }
    tried = {check[0] for check in [*CHECKS, *ACCESS_CHECKS]} | elsewhere
    assert tried == declared("tenants", models.CheckConstraint).keys()


def test_a_link_is_there_once(rows):
    for model, name in (
        (ProjectMember, "tenants_projectmember_once"),
        (UserRole, "tenants_userrole_once"),
        (RolePermission, "tenants_rolepermission_once"),
    ):
        row = rows[model._meta.label]
        row.pk = uuid7()
        assert breaks(name, lambda: row.save(force_insert=True))  # noqa: B023
    user, role = user_recipe.make(), role_recipe.make()
    ProjectMember.objects.create(project=rows["tenants.Project"], user=user)
    UserRole.objects.create(user=user, role=rows["tenants.Role"])
    right = Permission.objects.exclude(pk=rows["tenants.RolePermission"].permission_id).first()
    RolePermission.objects.create(role=rows["tenants.Role"], permission=right)
    RolePermission.objects.create(role=role, permission=right)


@pytest.mark.parametrize("field", ["email", "username"])
def test_a_person_is_unique_among_the_living(acme, field):
    with acting_for(acme):
        user = user_recipe.make()
        same = {field: getattr(user, field)}
        assert breaks(f"tenants_user_{field}", lambda: user_recipe.make(**same))
        delete(user)
        successor = user_recipe.make(**same)
        delete(successor)
        restore(user)
        assert User.objects.get(**same) == user


@pytest.mark.parametrize("field", ["email", "username"])
def test_a_person_is_unique_across_organizations(acme, globex, field):
    with acting_for(acme):
        user = user_recipe.make()
    with acting_for(globex):
        same = {field: getattr(user, field)}
        assert breaks(f"tenants_user_{field}", lambda: user_recipe.make(**same))


def test_a_role_is_unique_in_its_organization(acme, globex):
    with acting_for(acme):
        role = role_recipe.make(name="Editor")
        assert breaks("tenants_role_name", lambda: role_recipe.make(name="Editor"))
        role_recipe.make(name="Owner")  # the built-in one is the platform's
        delete(role)
        role_recipe.make(name="Editor")
    with acting_for(globex):
        role_recipe.make(name="Editor")


def test_a_project_may_have_anothers_name(acme):
    with acting_for(acme):
        project_recipe.make(name="Rocket")
        project_recipe.make(name="Rocket")


@pytest.mark.django_db(transaction=True)
def test_what_the_platform_has_is_unique_among_the_living():
    with as_owner():
        name = "tenants_role_name"
        assert breaks(name, lambda: Role.objects.create(name="Owner", organization=None))
        first = organization_recipe.make(slug="initech")
        name = "tenants_organization_slug"
        assert breaks(name, lambda: organization_recipe.make(slug="initech"))
        delete(first)
        second = organization_recipe.make(slug="initech")
        delete(second)
        restore(first)
        assert Organization.objects.get(slug="initech") == first


def test_a_token_is_unique(rows):
    token = rows["tenants.AccessToken"]
    with pytest.raises(IntegrityError, match="digest"), transaction.atomic():
        token.pk = uuid7()
        token.save(force_insert=True)


def test_every_unique_constraint_is_tried():
    # Of the references each is tried by what refers to it (`test_models_references`).
    references = {"tenants_user_reference", "tenants_role_reference"}
    assert declared("tenants", models.UniqueConstraint).keys() - references == {
        "tenants_auditseal_position",
        "tenants_organization_slug",
        "tenants_projectmember_once",
        "tenants_role_name",
        "tenants_rolepermission_once",
        "tenants_staffaccess_one_open",  # by racers, in `test_staff_access`
        "tenants_user_email",
        "tenants_user_username",
        "tenants_userrole_once",
    }
    assert PLATFORM_SCOPE.int == 0
