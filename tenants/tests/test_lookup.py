"""The questions that are answered before an organization is known, and to whom."""

from datetime import timedelta

import pytest

from tenants.baker_recipes import user_recipe
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.lookup import find_by_id, find_by_login, find_by_token, find_organization
from tenants.models import AccessToken, Organization, User
from tenants.models.token import digest
from tenants.testing import as_owner

DAY = timedelta(days=1)


@pytest.fixture
def ada(acme):
    with acting_for(acme):
        return user_recipe.make(username="Ada", email="ada@acme.test")


def token_of(user, lifetime=DAY):
    with acting_for(user.organization_id):
        token, secret = AccessToken.objects.issue(user=user, lifetime=lifetime, scopes=["read"])
    return token, digest(secret)


def found(user):
    """Whether somebody can sign in as the user in any way."""
    _, secret = token_of(user)
    return {
        bool(find_by_login(user.email)),
        bool(find_by_login(user.username)),
        bool(find_by_id(user.pk)),
        bool(find_by_token(secret)),
    }


def test_a_person_is_found_by_address_and_by_name(ada):
    for login in ("ada@acme.test", "ADA@Acme.Test", "Ada"):
        assert find_by_login(login) == ada
    for login in ("ada", "ada@acme.tes", "", "%", "_da", "' OR true --"):
        assert find_by_login(login) is None
    assert find_by_id(ada.pk) == ada


def test_a_person_found_carries_organization_and_password(ada, acme):
    for person in (find_by_login("Ada"), find_by_id(ada.pk), find_by_token(token_of(ada)[1])):
        assert person.organization_id == acme.pk
        assert person.password == ada.password
        assert not person.get_deferred_fields()


def test_platform_staff_are_found_too(db):
    staff = find_by_login("staff")
    assert staff.is_platform_staff
    assert find_by_id(staff.pk) == staff


def test_a_token_finds_its_person_its_id_and_its_scopes(ada):
    token, secret = token_of(ada)
    person = find_by_token(secret)
    assert (person, person.token_id, person.token_scopes) == (ada, token.pk, ["read"])


def test_a_token_that_ran_out_or_was_deleted_finds_nobody(ada, acme):
    _, expired = token_of(ada, lifetime=-DAY)
    assert find_by_token(expired) is None
    token, secret = token_of(ada)
    with acting_for(acme):
        delete(token)
    assert find_by_token(secret) is None
    assert find_by_token("") is None


def test_who_may_not_sign_in_is_not_found(ada, acme):
    assert found(ada) == {True}
    with acting_for(acme):
        User.objects.filter(pk=ada.pk).update(is_active=False)
    assert found(ada) == {False}
    with acting_for(acme):
        User.objects.filter(pk=ada.pk).update(is_active=True)
        delete(ada)
    assert found(ada) == {False}


@pytest.mark.django_db(transaction=True)
def test_nobody_of_an_organization_that_is_switched_off_is_found(ada, acme, globex):
    with as_owner():
        Organization.objects.filter(pk=acme.pk).update(is_active=False)
    assert found(ada) == {False}
    assert find_by_login("globex-owner")
    assert find_organization("acme") == acme.pk


@pytest.mark.django_db(transaction=True)
def test_a_deleted_organization_is_not_found(ada, acme):
    assert find_organization("acme") == acme.pk
    with as_owner():
        delete(acme)
    assert find_organization("acme") is None
    assert found(ada) == {False}


def test_who_takes_over_a_deleted_persons_address_is_found(ada, acme, globex):
    with acting_for(acme):
        delete(ada)
    with acting_for(globex):
        successor = user_recipe.make(username="Ada", email="ada@acme.test")
    assert find_by_login("ada@acme.test") == find_by_login("Ada") == successor
