"""Roles in the admin: an organization makes its own, of what its staff hold."""

import pytest

from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.context import acting_as_platform, acting_for
from tenants.models import Permission, Role, User
from tenants.permissions import Permissions
from tenants.services import set_permissions, set_roles

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


def permission_ids(*names):
    return [
        str(pk) for pk in Permission.objects.filter(name__in=names).values_list("pk", flat=True)
    ]


def held_by(role):
    return set(role.permissions.values_list("name", flat=True))


def make_role(organization, *permissions):
    with acting_for(organization):
        role = Role.objects.create(name="Auditor", organization=organization)
        wanted = Permission.objects.filter(name__in=permissions)
        set_permissions(role=role, permissions=list(wanted))
        return role


def test_an_owner_makes_a_role(acme):
    data = {
        "name": "Auditor",
        "description": "Reads",
        "granted_permissions": permission_ids(Permissions.DOCUMENTS_VIEW),
    }
    assert signed_in("acme-owner").post(page(Role, "add"), data).status_code == 302
    with acting_for(acme):
        role = Role.objects.get(name="Auditor")
        assert role.organization_id == acme.pk
        assert held_by(role) == {Permissions.DOCUMENTS_VIEW}


@both_logins
def test_platform_staff_make_one_for_an_organization(acme):
    data = {
        "organization": str(acme.pk),
        "name": "Auditor",
        "granted_permissions": permission_ids(Permissions.DOCUMENTS_VIEW),
    }
    assert signed_in("staff").post(page(Role, "add"), data).status_code == 302
    with acting_for(acme):
        role = Role.objects.get(name="Auditor")
        assert (role.organization_id, held_by(role)) == (acme.pk, {Permissions.DOCUMENTS_VIEW})


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_a_role_is_changed(acme, username):
    role = make_role(acme, Permissions.DOCUMENTS_VIEW)
    client, address = signed_in(username), page(Role, "change", role.pk)
    wanted = permission_ids(Permissions.AGENTS_VIEW, Permissions.AGENTS_USE)
    client.post(address, filled(client.get(address), granted_permissions=wanted))
    with acting_for(acme):
        assert held_by(role) == {Permissions.AGENTS_VIEW, Permissions.AGENTS_USE}


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_built_in_roles_are_shown_and_kept(acme, username):
    client = signed_in(username)
    with acting_for(acme):
        owner = Role.objects.get(name="Owner", organization=None)
    shown = client.get(page(Role, "change", owner.pk))
    assert shown.status_code == 200
    assert not shown.context["has_change_permission"]
    assert "Change people and their roles" in shown.content.decode()
    for view in ("change", "delete"):
        assert client.post(page(Role, view, owner.pk), {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [owner.pk], "post": "yes"}
    assert client.post(page(Role, "changelist"), selected).status_code == 403
    with acting_for(acme):
        assert Role.objects.filter(pk=owner.pk).exists()


def test_a_taken_name_is_an_error_of_the_form(acme):
    make_role(acme)
    answer = signed_in("acme-owner").post(page(Role, "add"), {"name": "Auditor"})
    assert errors_of(answer) == {"name": ["There is a role of this name already."]}


def test_a_name_may_be_that_of_another_organizations_role(acme, globex):
    make_role(globex)
    assert signed_in("acme-owner").post(page(Role, "add"), {"name": "Auditor"}).status_code == 302


def test_nobody_puts_into_a_role_what_they_lack(acme):
    roles = [Permissions.ROLES_VIEW, Permissions.ROLES_ADD, Permissions.ROLES_CHANGE]
    mine, theirs = make_role(acme, *roles), None
    with acting_for(acme):
        manager = User.objects.get(username="acme-manager")
        User.objects.filter(pk=manager.pk).update(is_staff=True)
        set_roles(user=manager, roles=[mine])
        theirs = Role.objects.create(name="Boss")
        set_permissions(role=theirs, permissions=list(Permission.objects.all()))
    client = signed_in("acme-manager")
    address = page(Role, "change", mine.pk)
    wanted = permission_ids(*roles, Permissions.USERS_CHANGE)
    answer = client.post(address, filled(client.get(address), granted_permissions=wanted))
    assert "is not one of the available choices" in errors_of(answer)["granted_permissions"][0]
    assert client.post(page(Role, "change", theirs.pk), {"name": "Mine"}).status_code == 403
    with acting_for(acme):
        assert held_by(mine) == set(roles)


@both_logins
def test_a_deleted_role_permits_nothing(acme):
    role = make_role(acme, Permissions.DOCUMENTS_VIEW)
    client = signed_in("staff")
    client.post(page(Role, "delete", role.pk), {"post": "yes"})
    assert str(role.pk) not in client.get(page(Role, "changelist")).content.decode()
    with acting_as_platform():
        assert Role.all_objects.get(pk=role.pk).is_deleted


def test_the_catalogue_is_only_shown(acme):
    client = signed_in("acme-owner")
    shown = client.get(page(Permission, "changelist")).content.decode()
    assert all(permission.value in shown for permission in Permissions)
    some = Permission.objects.first()
    assert client.post(page(Permission, "change", some.pk), {"name": "x"}).status_code == 403
