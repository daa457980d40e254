"""Grants in the admin: a section of the row's page."""

import pytest

from tenants import sharing
from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.baker_recipes import project_recipe
from tenants.context import acting_for
from tenants.models import Project, Role, User
from tenants.services import add_member

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


@pytest.fixture
def rocket(acme):
    with acting_for(acme):
        return project_recipe.make(name="Rocket")


def permission(action):
    from django.contrib.auth.models import Permission

    return str(Permission.objects.get(codename=f"{action}_project").pk)


def built_in(name, acme):
    with acting_for(acme):
        return Role.objects.get(name=name, organization=None)


def granted(rocket):
    with acting_for(rocket.organization_id):
        return {(str(g.grantee), g.action) for g in sharing.grants_on(rocket)}


def let_in(username, acme):
    with acting_for(acme):
        User.objects.filter(username=username).update(is_staff=True)
    return signed_in(username)


def add(client, rocket, **fields):
    address = page(Project, "change", rocket.pk)
    rows = {"user_grants-TOTAL_FORMS": "0", "role_grants-TOTAL_FORMS": "0"}
    return client.post(address, filled(client.get(address), **(rows | fields)))


def to_user(user, action):
    return {
        "user_grants-TOTAL_FORMS": "1",
        "user_grants-0-id": "",
        "user_grants-0-user": str(user.pk),
        "user_grants-0-permission": permission(action),
    }


def to_role(role, action):
    return {
        "role_grants-TOTAL_FORMS": "1",
        "role_grants-0-id": "",
        "role_grants-0-group": str(role.pk),
        "role_grants-0-permission": permission(action),
    }


def test_grants_are_given_and_taken_back(acme, people, rocket):
    client, member = signed_in("acme-owner"), people["acme-member"]
    viewer = built_in("Viewer", acme)
    answer = add(client, rocket, **to_user(member, "change"), **to_role(viewer, "view"))
    assert answer.status_code == 302, errors_of(answer)
    assert granted(rocket) == {("Acme Member", "change"), ("Viewer", "view")}
    address = page(Project, "change", rocket.pk)
    shown = client.get(address)
    answer = client.post(address, filled(shown, **{"user_grants-0-DELETE": "on"}))
    assert answer.status_code == 302
    assert granted(rocket) == {("Viewer", "view")}


def test_another_organizations_people_are_no_choice(acme, people, rocket):
    client = signed_in("acme-owner")
    answer = add(client, rocket, **to_user(people["globex-member"], "view"))
    assert answer.status_code == 200
    assert granted(rocket) == set()


def test_who_may_change_this_row_alone_shares_it_and_no_other(acme, people, rocket):
    member = people["acme-member"]
    with acting_for(acme):
        other = project_recipe.make(name="Other")
        add_member(project=other, user=member)
    client = let_in("acme-member", acme)
    assert client.get(page(Project, "change", rocket.pk)).url == "/admin/"
    with acting_for(acme):
        sharing.give(row=rocket, action="change", to=member)
    viewer = built_in("Viewer", acme)
    assert add(client, rocket, **to_role(viewer, "view")).status_code == 302
    assert granted(rocket) == {("Acme Member", "change"), ("Viewer", "view")}
    listed = client.get(page(Project, "changelist")).content.decode()
    assert str(rocket.pk) in listed
    seen = client.get(page(Project, "change", other.pk))
    assert seen.status_code == 200
    assert "user_grants" not in seen.content.decode()
    assert client.post(page(Project, "change", other.pk), {"name": "Mine"}).status_code == 403
    assert client.post(page(Project, "delete", rocket.pk), {"post": "yes"}).status_code == 403


@both_logins
def test_platform_staff_share_within_the_organization(acme, people, rocket):
    client = signed_in("staff")
    answer = add(client, rocket, **to_user(people["globex-member"], "view"))
    assert "There is none" in str(errors_of(answer))
    assert granted(rocket) == set()
    assert add(client, rocket, **to_user(people["acme-member"], "view")).status_code == 302
    assert granted(rocket) == {("Acme Member", "view")}
