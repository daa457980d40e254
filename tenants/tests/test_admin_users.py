"""People in the admin: made, changed and removed without anybody gaining a right."""

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.urls import reverse

from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.context import acting_as_platform, acting_for
from tenants.models import OrganizationUsage, Permission, Role, User, UserRole
from tenants.permissions import Permissions
from tenants.services import set_permissions, set_roles

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
PASSWORD = "staple a horse to a battery"


def built_in(name):
    return Role.objects.get(name=name, organization=None)


def role_ids(*names):
    return [str(built_in(name).pk) for name in names]


def person_named(username, organization):
    with acting_for(organization):
        return User.objects.get(username=username)


def new_person(**changes):
    return {
        "username": "dora",
        "full_name": "Dora",
        "email": "Dora@Acme.test",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "is_active": "on",
        **changes,
    }


def use_of(organization):
    with acting_for(organization):
        return OrganizationUsage.objects.get().users


def make_staff(username, organization, *permissions):
    """Let somebody into the admin with a role of just these permissions."""
    with acting_for(organization):
        person = User.objects.get(username=username)
        User.objects.filter(pk=person.pk).update(is_staff=True)
        role = Role.objects.create(name=f"Role of {username}")
        wanted = Permission.objects.filter(name__in=permissions)
        set_permissions(role=role, permissions=list(wanted))
        set_roles(user=person, roles=[role])
    return person


def test_an_owner_adds_a_person(acme):
    used = use_of(acme)
    with acting_for(acme):
        data = new_person(granted_roles=role_ids("Member", "Viewer"))
    answer = signed_in("acme-owner").post(page(User, "add"), data)
    dora = person_named("dora", acme)
    assert answer.url == page(User, "change", dora.pk)
    assert dora.email == "dora@acme.test"
    assert dora.organization_id == acme.pk
    assert identify_hasher(dora.password).algorithm == "argon2"
    assert not dora.is_staff
    assert not dora.is_superuser
    with acting_for(acme):
        assert {role.name for role in dora.roles.all()} == {"Member", "Viewer"}
    assert use_of(acme) == used + 1


def test_a_person_added_in_a_popup_is_handed_back(acme):
    data = new_person(_popup="1")
    answer = signed_in("acme-owner").post(page(User, "add"), data).content.decode()
    assert str(person_named("dora", acme).pk) in answer


@both_logins
def test_platform_staff_add_a_person_to_the_organization_they_choose(globex):
    used = use_of(globex)
    with acting_as_platform():
        data = new_person(organization=str(globex.pk), granted_roles=role_ids("Owner"))
    signed_in("staff").post(page(User, "add"), data)
    dora = person_named("dora", globex)
    with acting_for(globex):
        assert [role.name for role in dora.roles.all()] == ["Owner"]
    assert use_of(globex) == used + 1


@both_logins
def test_platform_staff_must_choose_one(globex):
    answer = signed_in("staff").post(page(User, "add"), new_person())
    assert errors_of(answer) == {"organization": ["This field is required."]}


def test_an_organization_is_nothing_its_staff_can_name(acme, globex):
    data = new_person(organization=str(globex.pk), is_superuser="on")
    signed_in("acme-owner").post(page(User, "add"), data)
    dora = person_named("dora", acme)
    assert dora.organization_id == acme.pk
    assert not dora.is_superuser


@pytest.mark.parametrize("email", ["owner@acme.test", "owner@globex.test", "staff@chancery.test"])
def test_a_taken_address_is_answered_alike_wherever_it_is_taken(acme, globex, email):
    used = use_of(acme)
    answer = signed_in("acme-owner").post(page(User, "add"), new_person(email=email))
    assert errors_of(answer) == {"email": ["This e-mail address cannot be used."]}
    assert use_of(acme) == used


@pytest.mark.parametrize("username", ["acme-owner", "globex-owner", "staff"])
def test_a_taken_username_is_answered_alike_wherever_it_is_taken(acme, globex, username):
    answer = signed_in("acme-owner").post(page(User, "add"), new_person(username=username))
    assert errors_of(answer) == {"username": ["This username cannot be used."]}


@pytest.mark.parametrize("email", ["owner@acme.test", "owner@globex.test"])
def test_nobody_is_renamed_to_a_taken_address(acme, globex, email):
    client, address = signed_in("acme-owner"), page(User, "change", person("member", acme).pk)
    answer = client.post(address, filled(client.get(address), email=email))
    assert errors_of(answer) == {"email": ["This e-mail address cannot be used."]}


def person(role, organization):
    return person_named(f"{organization.slug}-{role}", organization)


def test_a_full_organization_says_so(acme):
    with acting_for(acme):
        OrganizationUsage.objects.update(users=acme.max_users)
    answer = signed_in("acme-owner").post(page(User, "add"), new_person())
    assert errors_of(answer) == {
        "": ["The organization's quota of people is 50, and 50 is in use already."]
    }


def test_a_person_is_changed(acme):
    client, member = signed_in("acme-owner"), person("member", acme)
    with acting_for(acme):
        roles = role_ids("Manager")
        User.objects.filter(pk=member.pk).update(is_email_verified=True)
    address = page(User, "change", member.pk)
    changes = {"email": "New@Acme.test", "granted_roles": roles, "is_staff": "on"}
    answer = client.post(address, filled(client.get(address), **changes))
    assert answer.url == page(User, "changelist")
    changed = person("member", acme)
    assert (changed.email, changed.is_staff) == ("new@acme.test", True)
    assert not changed.is_email_verified  # this was another address
    with acting_for(acme):
        assert [role.name for role in changed.roles.all()] == ["Manager"]


def test_saving_what_was_shown_changes_nothing(acme):
    client, member = signed_in("acme-owner"), person("member", acme)
    address = page(User, "change", member.pk)
    client.post(address, filled(client.get(address)))
    assert person("member", acme).updated_at == member.updated_at


def test_nobody_changes_their_own_rights(acme):
    client, owner = signed_in("acme-owner"), person("owner", acme)
    with acting_for(acme):
        roles = role_ids("Viewer")
    address = page(User, "change", owner.pk)
    changes = {"full_name": "Olga", "granted_roles": roles, "is_staff": None, "is_active": None}
    client.post(address, filled(client.get(address), **changes))
    changed = person("owner", acme)
    assert (changed.full_name, changed.is_staff, changed.is_active) == ("Olga", True, True)
    with acting_for(acme):
        assert [role.name for role in changed.roles.all()] == ["Owner"]


def test_nobody_removes_themselves(acme):
    client, owner = signed_in("acme-owner"), person("owner", acme)
    assert client.post(page(User, "delete", owner.pk), {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [owner.pk], "post": "yes"}
    assert client.post(page(User, "changelist"), selected).status_code == 403


RIGHTS = [Permissions.USERS_VIEW, Permissions.USERS_ADD, Permissions.USERS_CHANGE]


def test_a_role_is_given_only_by_who_may_do_all_that_it_permits(acme):
    make_staff("acme-manager", acme, *RIGHTS, Permissions.DOCUMENTS_VIEW)
    client = signed_in("acme-manager")
    with acting_for(acme):
        narrow = Role.objects.create(name="Reader")
        beyond = role_ids("Owner")
    offered = client.get(page(User, "add")).context["adminform"].form.fields["granted_roles"]
    with acting_for(acme):
        assert {role.name for role in offered.queryset} == {"Reader", "Role of acme-manager"}
    refused = client.post(page(User, "add"), new_person(granted_roles=beyond))
    assert "is not one of the available choices" in errors_of(refused)["granted_roles"][0]
    client.post(page(User, "add"), new_person(granted_roles=[str(narrow.pk)]))
    assert person_named("dora", acme)


def test_who_may_do_more_is_beyond_reach(acme):
    """Their password would lend all that they may do."""
    make_staff("acme-manager", acme, *RIGHTS, Permissions.USERS_DELETE)
    client, owner = signed_in("acme-manager"), person("owner", acme)
    shown = client.get(page(User, "change", owner.pk))
    assert not shown.context["has_change_permission"]
    assert client.post(page(User, "change", owner.pk), {"email": "x@y.test"}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[owner.pk])
    assert client.post(password, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 403
    assert client.post(page(User, "delete", owner.pk), {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [owner.pk], "post": "yes"}
    assert client.post(page(User, "changelist"), selected).status_code == 403
    assert person("owner", acme).email == "owner@acme.test"


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_a_password_is_set_for_somebody(acme, username):
    address = reverse("admin:auth_user_password_change", args=[person("member", acme).pk])
    client = signed_in(username)
    assert client.get(address).status_code == 200
    weak = client.post(address, {"password1": "123", "password2": "123"})
    assert weak.status_code == 200
    answer = client.post(address, {"password1": PASSWORD, "password2": PASSWORD})
    assert answer.status_code == 302
    assert person("member", acme).check_password(PASSWORD)


def test_another_organizations_password_is_nobodys(acme, globex):
    address = reverse("admin:auth_user_password_change", args=[person("member", globex).pk])
    data = {"password1": PASSWORD, "password2": PASSWORD}
    assert signed_in("acme-owner").post(address, data).status_code == 404


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_a_person_is_removed(acme, username):
    used, member, client = use_of(acme), person("member", acme), signed_in(username)
    address = page(User, "delete", member.pk)
    assert "Acme Member" in client.get(address).content.decode()
    assert client.post(address, {"post": "yes"}).url == page(User, "changelist")
    assert str(member.pk) not in client.get(page(User, "changelist")).content.decode()
    assert client.get(page(User, "change", member.pk)).status_code == 302
    with acting_for(acme):
        assert User.all_objects.get(pk=member.pk).is_deleted
    assert use_of(acme) == used - 1


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_several_people_are_removed_at_once(acme, username):
    used, client = use_of(acme), signed_in(username)
    people = [person(role, acme) for role in ("member", "viewer")]
    selected = {"action": "delete_selected", "_selected_action": [one.pk for one in people]}
    confirmation = client.post(page(User, "changelist"), selected).content.decode()
    assert "Acme Member" in confirmation
    assert "Acme Viewer" in confirmation
    client.post(page(User, "changelist"), selected | {"post": "yes"})
    assert use_of(acme) == used - 2


@both_logins
def test_platform_staff_change_one_another_but_raise_nobody(acme):
    client = signed_in("staff")
    with acting_as_platform():
        other = User.objects.create_superuser("other", "other@chancery.test")
        roles = role_ids("Owner")
    address = page(User, "change", other.pk)
    shown = client.get(address)
    assert "granted_roles" not in shown.context["adminform"].form.fields
    client.post(address, filled(shown, full_name="Otto", granted_roles=roles))
    with acting_as_platform():
        assert User.objects.get(pk=other.pk).full_name == "Otto"
    member = page(User, "change", person("member", acme).pk)
    client.post(member, filled(client.get(member), is_superuser="on", organization=""))
    assert person("member", acme).organization_id == acme.pk


@both_logins
def test_platform_staff_give_no_role_of_another_organization(acme, globex):
    with acting_for(globex):
        theirs = Role.objects.create(name="Auditor")
    client, member = signed_in("staff"), person("member", acme)
    address = page(User, "change", member.pk)
    answer = client.post(address, filled(client.get(address), granted_roles=[str(theirs.pk)]))
    assert "granted_roles" in errors_of(answer)
    with acting_for(acme):
        assert not UserRole.all_objects.filter(role=theirs.pk).exists()
