"""Organizations in the admin: platform staff run them, their own staff describe theirs."""

import pytest

from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.context import acting_as_platform, acting_for
from tenants.models import Organization, User, UserRole
from tenants.services import create_project

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
LIMITS = {"max_users": "5", "max_projects": "2", "max_storage_gb": "1", "retention_days": "30"}


@both_logins
def test_platform_staff_make_an_organization_ready_for_use(db):
    data = {"name": "Initech", "slug": "initech", "is_active": "on", **LIMITS}
    answer = signed_in("staff").post(page(Organization, "add"), data)
    with acting_as_platform():
        made = Organization.objects.get(slug="initech")
        assert (made.usage.users, made.usage.projects, made.usage.storage_bytes) == (0, 0, 0)
        assert made.max_users == 5
    assert answer.url == page(Organization, "changelist")


@both_logins
def test_a_taken_slug_is_an_error_of_the_form(db):
    data = {"name": "Another", "slug": "acme", **LIMITS}
    answer = signed_in("staff").post(page(Organization, "add"), data)
    assert errors_of(answer) == {"slug": ["This slug cannot be used."]}


@both_logins
def test_platform_staff_change_limits_and_switch_off(acme):
    client, address = signed_in("staff"), page(Organization, "change", acme.pk)
    changes = {"max_users": "7", "is_active": None}
    assert client.post(address, filled(client.get(address), **changes)).status_code == 302
    with acting_for(acme):
        changed = Organization.objects.get()
        assert (changed.max_users, changed.is_active, changed.name) == (7, False, "Acme")
    with pytest.raises(AssertionError, match="cannot sign in"):
        signed_in("acme-owner")


def test_an_owner_describes_the_organization_and_no_more(acme):
    client, address = signed_in("acme-owner"), page(Organization, "change", acme.pk)
    changes = {"description": "We make rockets.", "website": "https://acme.example/"}
    changes |= {"slug": "globex", "max_users": "1000", "is_active": None}
    assert client.post(address, filled(client.get(address), **changes)).status_code == 302
    with acting_for(acme):
        changed = Organization.objects.get()
    assert (changed.description, changed.website) == ("We make rockets.", "https://acme.example/")
    assert (changed.slug, changed.max_users, changed.is_active) == ("acme", 50, True)


def test_an_owner_cannot_end_it(acme):
    client = signed_in("acme-owner")
    with acting_for(acme):
        # The permission itself is none that a role can hold.
        assert not UserRole.objects.filter(
            role__permissions__name="tenants.delete_organization"
        ).exists()
    assert client.get(page(Organization, "delete", acme.pk)).status_code == 403
    assert client.get(page(Organization, "change", acme.pk)).status_code == 200


def test_what_is_used_stands_beside_the_limits(acme):
    with acting_for(acme):
        create_project(organization_id=acme.pk, name="Rocket")
    shown = signed_in("acme-owner").get(page(Organization, "change", acme.pk)).content.decode()
    assert "4 of 50" in shown
    assert "1 of 10" in shown
    assert "0.00 of 100 GB" in shown


def test_what_is_used_is_for_those_who_may_see_it(acme):
    with acting_for(acme):
        User.objects.filter(username="acme-viewer").update(is_staff=True)
    client = signed_in("acme-viewer")
    for address in (page(Organization, "change", acme.pk), page(Organization, "changelist")):
        shown = client.get(address)
        assert shown.status_code == 200
        assert "4 of 50" not in shown.content.decode()


@both_logins
def test_platform_staff_end_an_organization(acme, globex):
    client, address = signed_in("staff"), page(Organization, "delete", acme.pk)
    confirmation = client.get(address).content.decode()
    assert "Users: 4" in confirmation
    assert client.post(address, {"post": "yes"}).url == page(Organization, "changelist")
    shown = client.get(page(Organization, "changelist")).content.decode()
    assert str(acme.pk) not in shown
    assert str(globex.pk) in shown
    people = client.get(page(User, "changelist")).content.decode()
    assert "owner@acme.test" not in people
    assert "owner@globex.test" in people
    with pytest.raises(AssertionError, match="cannot sign in"):
        signed_in("acme-owner")
