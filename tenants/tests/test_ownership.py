"""An organization never loses its last owner, whoever tries, and whichever way."""

from functools import partial

import pytest

from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.api.testing import api_as, problem
from tenants.baker_recipes import user_recipe
from tenants.context import acting_as_platform, acting_for
from tenants.deletion import delete, restore
from tenants.models import Organization, Permission, Role, User
from tenants.ownership import LastOwner, keeping_an_owner
from tenants.services import create_organization, create_user, set_permissions, set_roles
from tenants.testing import as_owner
from tenants.tests.racing import race

USERS = "/api/v1/users/"
committing = pytest.mark.django_db(transaction=True)
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


def built_in(name):
    return Role.objects.get(name=name, organization=None)


def named(username, organization):
    with acting_for(organization):
        return User.all_objects.get(username=username)


def make_owner(organization, username="second", **fields):
    with acting_for(organization):
        return create_user(
            organization=organization,
            username=username,
            email=f"{username}@acme.test",
            roles=[built_in("Owner")],
            **fields,
        )


def owners(organization):
    with acting_for(organization):
        owning = User.objects.filter(is_active=True, user_roles__role=built_in("Owner"))
        return set(owning.values_list("username", flat=True))


def take_roles(person):
    set_roles(user=person, roles=[])


def deactivate(person):
    with keeping_an_owner(person.organization_id):
        User.objects.filter(pk=person.pk).update(is_active=False)


WAYS = [delete, take_roles, deactivate]


@pytest.mark.parametrize("way", WAYS)
def test_the_last_owner_stays(acme, people, way):
    with acting_for(acme), pytest.raises(LastOwner):
        way(people["acme-owner"])
    assert owners(acme) == {"acme-owner"}


@pytest.mark.parametrize("way", WAYS)
def test_one_of_two_owners_may_go(acme, people, way):
    make_owner(acme)
    with acting_for(acme):
        way(people["acme-owner"])
    assert owners(acme) == {"second"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", ["inactive", "deleted"])
def test_an_owner_who_cannot_sign_in_does_not_count(acme, people, way, state):
    second = make_owner(acme, is_active=state != "inactive")
    with acting_for(acme):
        if state == "deleted":
            delete(second)
        with pytest.raises(LastOwner):
            way(people["acme-owner"])


def test_a_role_of_the_same_name_makes_no_owner(acme, people):
    with acting_for(acme):
        own = Role.objects.create(name="Owner")
        set_roles(user=people["acme-manager"], roles=[own])
        with pytest.raises(LastOwner):
            delete(people["acme-owner"])


def test_an_owner_of_another_organization_does_not_count(acme, globex, people):
    with acting_for(globex), pytest.raises(LastOwner):
        delete(people["globex-owner"])


@committing
def test_an_organization_that_never_had_one_may_be_given_people_and_lose_them():
    with as_owner():
        made = create_organization(name="New", slug="new")
    with acting_for(made):
        first = create_user(organization=made, username="first", email="first@new.test")
        set_roles(user=first, roles=[built_in("Member")])
        delete(first)
        restore(first)
        set_roles(user=first, roles=[built_in("Owner")])
        with pytest.raises(LastOwner):
            delete(first)


def test_who_is_no_owner_comes_and_goes(acme, people):
    with acting_for(acme):
        for way in (take_roles, deactivate, delete):
            way(people["acme-member"])
        delete(user_recipe.make())


@committing
@pytest.mark.parametrize("way", WAYS)
def test_of_two_owners_who_remove_each_other_one_stays(acme, people, way):
    second = make_owner(acme)

    def remove(other):
        with acting_for(acme):
            way(other)

    ran = race(partial(remove, second), partial(remove, people["acme-owner"]))
    assert sum(isinstance(found, LastOwner) for found in ran) == 1, ran
    assert sum(found is None for found in ran) == 1, ran
    assert len(owners(acme)) == 1


@committing
def test_over_the_api_too(acme, people):
    second = make_owner(acme)
    first = people["acme-owner"]
    clients = [(api_as(first), second), (api_as(second), first)]
    ran = race(*(partial(client.delete, f"{USERS}{other.pk}/") for client, other in clients))
    statuses = sorted(answer.status_code for answer in ran)
    assert statuses[0] == 204, statuses
    assert statuses[1] in (401, 409), statuses
    assert len(owners(acme)) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, path: client.delete(path),
        lambda client, path: client.patch(path, {"is_active": False}),
        lambda client, path: client.patch(path, {"roles": []}),
    ],
    ids=["delete", "deactivate", "take roles"],
)
def test_the_api_says_why(acme, people, monkeypatch, ask):
    """Somebody with all the rights of an owner in a role of their own, who is none."""
    with acting_for(acme):
        role = Role.objects.create(name="Deputy")
        set_permissions(role=role, permissions=list(Permission.objects.all()))
        set_roles(user=people["acme-manager"], roles=[role])
    deputy = api_as(people["acme-manager"])
    path = f"{USERS}{people['acme-owner'].pk}/"
    body = problem(ask(deputy, path), 409)
    assert body["type"] == "urn:chancery:last-owner"
    assert owners(acme) == {"acme-owner"}
    make_owner(acme)
    assert ask(deputy, path).status_code in (200, 204)
    assert owners(acme) == {"second"}


@both_logins
@pytest.mark.parametrize("changes", [{"is_active": None}, {"granted_roles": []}])
def test_the_admins_form_says_why_to_platform_staff(acme, people, changes):
    client, address = signed_in("staff"), page(User, "change", people["acme-owner"].pk)
    answer = client.post(address, filled(client.get(address), **changes))
    assert "keeps an owner" in str(errors_of(answer))
    assert owners(acme) == {"acme-owner"}
    make_owner(acme)
    assert client.post(address, filled(client.get(address), **changes)).status_code == 302
    assert owners(acme) == {"second"}


@both_logins
def test_the_admins_deletion_says_why_to_platform_staff(acme, people):
    client, pk = signed_in("staff"), people["acme-owner"].pk
    member = people["acme-member"].pk
    several = {"action": "delete_selected", "_selected_action": [member, pk], "post": "yes"}
    for address, data in (
        (page(User, "delete", pk), {"post": "yes"}),
        (page(User, "changelist"), several),
    ):
        answer = client.post(address, data, follow=True)
        assert "keeps an owner" in answer.content.decode()
        assert owners(acme) == {"acme-owner"}
        assert not named("acme-member", acme).is_deleted
    make_owner(acme)
    client.post(page(User, "delete", pk), {"post": "yes"})
    assert owners(acme) == {"second"}


@both_logins
def test_an_organization_goes_with_its_owners(acme):
    with acting_as_platform():
        delete(Organization.objects.get(pk=acme.pk))
    with acting_as_platform():
        assert not User.objects.filter(organization_id=acme.pk).exists()
