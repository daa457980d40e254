"""Rights over one row: what django-guardian's shortcuts write, `has_perm` and querysets read."""

import pytest
from django.contrib.auth.models import Permission as NamedPermission
from django.core.exceptions import PermissionDenied, ValidationError
from guardian.shortcuts import assign_perm, get_objects_for_user, get_perms, remove_perm

from common.ids import uuid7
from tenants import sharing
from tenants.baker_recipes import project_recipe, role_recipe, user_recipe
from tenants.context import acting_as_platform, acting_for
from tenants.deletion import delete, restore
from tenants.grants import is_granted_somewhere
from tenants.models import Permission, Project, Role, User
from tenants.permissions import Permissions
from tenants.services import add_member, set_permissions, set_roles
from tenants.tests.statements import every_statement_names

VIEW, CHANGE, DELETE = (f"tenants.{action}_project" for action in ("view", "change", "delete"))


def built_in(name):
    return Role.objects.get(name=name, organization=None)


def seen_by(user):
    return set(Project.objects.visible_to(user))


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def inside(acme):
    with acting_for(acme):
        yield acme


@pytest.fixture
def rocket(inside):
    return project_recipe.make(name="Rocket")


def test_without_a_grant_there_is_nothing(rocket, member, owner):
    assert seen_by(member) == set()
    assert not any(member.has_perm(name, rocket) for name in (VIEW, CHANGE, DELETE))
    assert seen_by(owner) == {rocket}
    assert all(owner.has_perm(name, rocket) for name in (VIEW, CHANGE, DELETE))


@pytest.mark.parametrize("to", ["user", "role"])
def test_guardians_shortcuts_give_and_take(rocket, member, people, to):
    other = project_recipe.make()
    grantee = member if to == "user" else built_in("Member")
    assign_perm("view_project", grantee, rocket)
    assert member.has_perm(VIEW, rocket)
    assert not member.has_perm(CHANGE, rocket)
    assert not member.has_perm(VIEW, other)
    assert seen_by(member) == {rocket}
    assert get_perms(grantee, rocket) == ["view_project"]
    found = get_objects_for_user(member, VIEW, accept_global_perms=False)
    assert set(found) == {rocket}
    assert seen_by(people["acme-viewer"]) == set()
    remove_perm("view_project", grantee, rocket)
    assert not member.has_perm(VIEW, rocket)
    assert seen_by(member) == set()
    assert not get_objects_for_user(member, VIEW, accept_global_perms=False)


def test_many_are_given_and_taken_at_once(rocket, member, people):
    both, users = [rocket, project_recipe.make()], [member, people["acme-viewer"]]
    assign_perm("view_project", member, Project.objects.all())
    assert seen_by(member) == set(both)
    remove_perm("view_project", member, Project.objects.all())
    assign_perm("change_project", users, rocket)
    assert all(user.has_perm(CHANGE, rocket) for user in users)
    remove_perm("change_project", users, rocket)
    assert not any(seen_by(user) for user in users)


def test_what_guardian_asks_names_the_organization(inside, rocket, member):
    with every_statement_names(inside):
        for grantee in (member, built_in("Member")):
            assign_perm("view_project", grantee, rocket)
            get_perms(grantee, rocket)
        list(get_objects_for_user(member, VIEW, accept_global_perms=False))
        list(Project.objects.visible_to(member))
        member.has_perm(VIEW, rocket)
        member.get_all_permissions(rocket)
        remove_perm("view_project", member, rocket)


def test_to_change_is_to_view(rocket, member):
    sharing.give(row=rocket, action="change", to=member)
    assert member.has_perm(VIEW, rocket)
    assert member.has_perm(CHANGE, rocket)
    assert not member.has_perm(DELETE, rocket)
    assert member.get_all_permissions(rocket) == {VIEW, CHANGE}
    assert not member.has_perm(CHANGE)
    assert set(Project.objects.granted_to(member, "change")) == {rocket}


def test_what_cannot_be_granted_has_no_name_to_grant_it_by(rocket, member):
    with pytest.raises(NamedPermission.DoesNotExist):
        assign_perm("delete_project", member, rocket)


def test_a_grant_gives_no_more_than_it_says_to_who_may_do_more_elsewhere(rocket, member):
    """The rights of roles hold for what is within reach without a grant."""
    role = role_recipe.make()
    rights = Permission.objects.filter(name__in=[VIEW, CHANGE, DELETE])
    set_permissions(role=role, permissions=list(rights))
    set_roles(user=member, roles=[role])
    member = User.objects.get(pk=member.pk)
    sharing.give(row=rocket, action="view", to=member)
    assert member.get_all_permissions(rocket) == {VIEW}
    joined = project_recipe.make()
    add_member(project=joined, user=member)
    assert member.get_all_permissions(joined) >= {VIEW, CHANGE, DELETE}


def test_a_role_grant_reaches_all_who_have_the_role_now(rocket, member, people):
    viewer = people["acme-viewer"]
    sharing.give(row=rocket, action="view", to=built_in("Viewer"))
    assert (seen_by(viewer), seen_by(member)) == ({rocket}, set())
    set_roles(user=member, roles=[built_in("Viewer")])
    set_roles(user=viewer, roles=[built_in("Member")])
    assert (seen_by(viewer), seen_by(member)) == (set(), {rocket})


@pytest.mark.parametrize("gone", ["project", "user", "role"])
def test_a_grant_counts_for_nothing_while_one_end_is_deleted(rocket, inside, gone):
    user, role = user_recipe.make(), role_recipe.make()
    set_roles(user=user, roles=[role])
    sharing.give(row=rocket, action="view", to=role if gone == "role" else user)
    assert user.has_perm(VIEW, rocket)
    end = {"project": rocket, "user": user, "role": role}[gone]
    delete(end)
    assert not user.has_perm(VIEW, rocket)
    assert sharing.grants_on(rocket) == []
    assert not seen_by(user)
    restore(end)
    assert user.has_perm(VIEW, rocket)
    assert len(sharing.grants_on(rocket)) == 1
    assert seen_by(user) == {rocket}


def test_a_grant_does_not_let_in_who_is_switched_off(rocket, member):
    sharing.give(row=rocket, action="view", to=member)
    member.is_active = False
    assert not member.has_perm(VIEW, rocket)
    assert seen_by(member) == set()


def test_a_tokens_scopes_narrow_grants(rocket, member):
    sharing.give(row=rocket, action="change", to=member)
    member.token_scopes = ["knowledge.view_document"]
    assert not member.has_perm(VIEW, rocket)
    assert seen_by(member) == set()
    member.token_scopes = [VIEW]
    assert member.has_perm(VIEW, rocket)
    assert not member.has_perm(CHANGE, rocket)
    assert seen_by(member) == {rocket}


def test_another_organizations_row_is_granted_to_nobody(acme, globex, people):
    with acting_for(globex):
        theirs = project_recipe.make()
        stranger = people["globex-member"]
    with acting_for(acme):
        own = project_recipe.make()
        for row, to in ((own, stranger), (theirs, people["acme-member"])):
            with pytest.raises((ValidationError, PermissionDenied)):
                sharing.grant(row=row, action="view", to=to, by=people["acme-owner"])
        assert sharing.grant(
            row=own, action="view", to=people["acme-member"], by=people["acme-owner"]
        )


def test_who_grants_must_hold_what_is_granted_and_the_right_to_change(
    rocket, member, owner, people
):
    viewer = people["acme-viewer"]
    sharing.give(row=rocket, action="view", to=member)
    for action in ("view", "change"):
        with pytest.raises(PermissionDenied):
            sharing.grant(row=rocket, action=action, to=viewer, by=member)
    sharing.give(row=rocket, action="change", to=member)
    granted, is_new = sharing.grant(row=rocket, action="change", to=viewer, by=member)
    assert is_new
    assert viewer.has_perm(CHANGE, rocket)
    again, is_new = sharing.grant(row=rocket, action="change", to=viewer, by=owner)
    assert (again.pk, is_new) == (granted.pk, False)
    with pytest.raises(ValidationError, match="view, change"):
        sharing.grant(row=rocket, action="use", to=viewer, by=owner)
    sharing.revoke(granted=granted, by=member)
    with pytest.raises(PermissionDenied):
        sharing.revoke(granted=granted, by=viewer)


@pytest.mark.parametrize("kind", ["user", "role"])
def test_what_is_gone_or_was_never_there_is_granted_nothing(rocket, owner, kind):
    gone = user_recipe.make() if kind == "user" else role_recipe.make()
    nobody = type(gone)(pk=uuid7())
    delete(gone)
    for to in (gone, nobody):
        with pytest.raises(ValidationError) as refusal:
            sharing.grant(row=rocket, action="view", to=to, by=owner)
        assert refusal.value.message_dict.keys() == {kind}


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_platform_staff_grant_what_is_of_the_control_plane(acme, people):
    with acting_for(acme):
        rocket = project_recipe.make()
    with acting_as_platform():
        rocket = Project.objects.get(pk=rocket.pk)
        sharing.grant(row=rocket, action="view", to=people["acme-member"], by=people["staff"])
        with pytest.raises(ValidationError):
            sharing.grant(row=rocket, action="view", to=people["globex-member"], by=people["staff"])
        assert len(sharing.grants_on(rocket)) == 1
    with acting_for(acme):
        assert seen_by(people["acme-member"]) == {rocket}


def test_a_project_that_is_granted_to_view_takes_nothing_in(rocket, member):
    sharing.give(row=rocket, action="view", to=member)
    assert not Project.objects.open_to(member).exists()
    sharing.give(row=rocket, action="change", to=member)
    assert Project.objects.open_to(member).get() == rocket


def test_who_has_the_right_nowhere_and_who_has_it_somewhere(rocket, member):
    assert not is_granted_somewhere(member, CHANGE)
    sharing.give(row=rocket, action="change", to=built_in("Member"))
    assert is_granted_somewhere(member, CHANGE)
    assert is_granted_somewhere(member, VIEW)
    for other in (DELETE, "tenants.view_user", "tenants.view_nothing", Permissions.AGENTS_USE):
        assert not is_granted_somewhere(member, other)
    delete(rocket)
    assert not is_granted_somewhere(member, CHANGE)
