"""Signing in and staying signed in: what it takes, what it tells, what ends it."""

from contextlib import contextmanager

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tenants import accounts, deletion
from tenants import sign_in as sign_in_module
from tenants.admin.testing import signed_in
from tenants.api.testing import api_as, problem, token_of
from tenants.context import acting_for
from tenants.lookup import find_by_id, find_by_token
from tenants.models import Organization, User
from tenants.models.token import digest
from tenants.sign_in import SignIn
from tenants.testing import PASSWORD, as_owner

pytestmark = pytest.mark.django_db(databases=["default", "platform"])
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
LOGIN, ME = "/api/v1/auth/login/", "/api/v1/me/"
NEW_PASSWORD = "staple a horse to a battery"


def session_of(username, password=PASSWORD):
    """A browser that signed in to the API, and the answer that it got."""
    browser = Client()
    answer = browser.post("/session/login/", {"username": username, "password": password})
    return browser, answer


@pytest.fixture
def hashed(monkeypatch):
    """Collect the parameters of every password that is really hashed."""
    parameters = []
    verify, encode = Argon2PasswordHasher.verify, Argon2PasswordHasher.encode

    def verified(self, password, encoded):
        decoded = self.decode(encoded)
        parameters.append([decoded[key] for key in ("memory_cost", "time_cost", "parallelism")])
        return verify(self, password, encoded)

    def encoded(self, password, salt):
        parameters.append([self.memory_cost, self.time_cost, self.parallelism])
        return encode(self, password, salt)

    monkeypatch.setattr(Argon2PasswordHasher, "verify", verified)
    monkeypatch.setattr(Argon2PasswordHasher, "encode", encoded)
    return parameters


def switch_off(user):
    with acting_for(user.organization_id):
        User.objects.filter(pk=user.pk).update(is_active=False)


def delete(user):
    with acting_for(user.organization_id):
        deletion.delete(user)


def without_password(user):
    with acting_for(user.organization_id):
        User.objects.filter(pk=user.pk).update(password="!unusable")


@contextmanager
def suspended(organization):
    """Only the owner and platform staff switch an organization off."""
    with as_owner():
        Organization.objects.filter(pk=organization.pk).update(is_active=False)
    yield
    with as_owner():
        Organization.objects.filter(pk=organization.pk).update(is_active=True)


# Who is refused learns nothing from the answer or the time it takes


@pytest.mark.parametrize(
    ("login", "password", "first"),
    [
        ("nobody", "wrong", None),
        ("acme-member", "wrong", None),
        ("acme-member", PASSWORD, switch_off),
        ("acme-member", PASSWORD, delete),
        ("acme-member", PASSWORD, without_password),
        ("acme-member", "demo", None),
    ],
)
def test_every_refusal_hashes_one_password_and_says_the_same(
    people, hashed, login, password, first
):
    if first:
        first(people["acme-member"])
    refused = APIClient().post(LOGIN, {"login": login, "password": password})
    assert problem(refused, 401)["detail"] == "The name or the password is wrong."
    assert hashed == [[102400, 2, 8]]
    browser, answer = session_of(login, password)
    assert len(answer.context["form"].non_field_errors()) == 1
    assert len(hashed) == 2
    assert "sessionid" not in browser.cookies


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_an_organization_that_is_switched_off_is_refused_alike(people, acme, hashed):
    with suspended(acme):
        refused = APIClient().post(LOGIN, {"login": "acme-member", "password": PASSWORD})
        unknown = APIClient().post(LOGIN, {"login": "nobody", "password": PASSWORD})
        assert problem(refused, 401) == problem(unknown, 401)
        assert hashed == [[102400, 2, 8]] * 2
    answer = APIClient().post(LOGIN, {"login": "acme-member", "password": PASSWORD})
    assert answer.status_code == 200
    assert hashed == [[102400, 2, 8]] * 3


def test_the_parameters_are_those_of_django():
    assert django_settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    hasher = Argon2PasswordHasher()
    assert [hasher.memory_cost, hasher.time_cost, hasher.parallelism] == [102400, 2, 8]


# Too many attempts


@pytest.mark.parametrize("login", ["acme-member", "nobody"])
def test_the_api_says_when_to_try_again(people, settings, login):
    settings.SIGN_IN_LIMITS = (1, 100, 100)
    body = {"login": login, "password": "wrong"}
    problem(APIClient().post(LOGIN, body), 401)
    paused = APIClient().post(LOGIN, body)
    assert problem(paused, 429)["type"] == "urn:chancery:too-many-attempts"
    assert 0 < int(paused["Retry-After"]) <= settings.THROTTLE_WINDOW_SECONDS


@pytest.mark.parametrize("door", ["/session/login/", "/admin/login/"])
@pytest.mark.parametrize("login", ["acme-owner", "nobody"])
def test_the_pages_say_so_in_the_form(people, settings, door, login):
    settings.SIGN_IN_LIMITS = (1, 100, 100)
    answers = [Client().post(door, {"username": login, "password": "wrong"}) for _ in range(2)]
    wrong, paused = [answer.context["form"].non_field_errors() for answer in answers]
    assert "too many" not in wrong[0]
    assert paused == ["There were too many attempts. Try again in 15 minutes."]
    assert "too many attempts" in answers[1].content.decode()


def test_who_has_a_session_is_counted_at_the_doors_as_anybody(people, settings):
    settings.SIGN_IN_LIMITS = (1, 100, 100)
    browser, _ = session_of("acme-viewer")
    body = {"login": "acme-member", "password": "wrong"}
    assert browser.post(LOGIN, body).status_code == 401
    assert browser.post(LOGIN, body).status_code == 429
    problem(browser.post(LOGIN, body | {"password": PASSWORD}), 429)


# Sessions


def test_a_session_gets_a_new_key_when_somebody_signs_in(people):
    browser = Client()
    browser.session["seen"] = True
    with_key = browser.session
    with_key["fixed"] = "by an attacker"
    with_key.save()
    browser.cookies["sessionid"] = with_key.session_key
    browser.post("/session/login/", {"username": "acme-member", "password": PASSWORD})
    assert browser.get(ME).status_code == 200
    assert browser.cookies["sessionid"].value != with_key.session_key
    assert not Session.objects.filter(session_key=with_key.session_key).exists()


@pytest.mark.parametrize("door", ["/session/logout/", "/admin/logout/", "/api/v1/auth/logout/"])
def test_signing_out_removes_the_session(people, door):
    browser = signed_in("acme-owner")
    key = browser.cookies["sessionid"].value
    assert browser.get(ME).status_code == 200
    assert browser.post(door).status_code in (200, 204, 302)
    assert not Session.objects.filter(session_key=key).exists()
    browser.cookies["sessionid"] = key
    problem(browser.get(ME), 401)


def test_a_new_password_ends_sessions_and_tokens(people):
    member = people["acme-member"]
    browser, _ = session_of("acme-member")
    program, other = api_as(member), api_as(people["acme-viewer"])
    assert [c.get(ME).status_code for c in (browser, program, other)] == [200, 200, 200]
    with acting_for(member.organization_id):
        accounts.set_password(user=member, password=NEW_PASSWORD)
    assert [c.get(ME).status_code for c in (browser, program, other)] == [401, 401, 200]
    assert session_of("acme-member", NEW_PASSWORD)[0].get(ME).status_code == 200


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_the_command_that_sets_a_password_ends_them_too(people, monkeypatch):
    member = people["acme-member"]
    browser, program = session_of("acme-member")[0], api_as(member)
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW_PASSWORD)
    with as_owner():
        call_command("changepassword", "acme-member", verbosity=0)
    assert [c.get(ME).status_code for c in (browser, program)] == [401, 401]
    assert session_of("acme-member", NEW_PASSWORD)[0].get(ME).status_code == 200


@pytest.mark.parametrize("end", [switch_off, delete])
def test_who_is_switched_off_or_deleted_is_nobody_at_the_next_request(people, end):
    member = people["acme-member"]
    browser, program, colleague = (
        session_of("acme-member")[0],
        api_as(member),
        signed_in("acme-owner"),
    )
    assert [c.get(ME).status_code for c in (browser, program)] == [200, 200]
    end(member)
    assert [c.get(ME).status_code for c in (browser, program)] == [401, 401]
    assert colleague.get(ME).status_code == 200


def test_a_session_that_ended_stays_ended_when_its_person_comes_back(people):
    member = people["acme-member"]
    browser, _ = session_of("acme-member")
    key = browser.cookies["sessionid"].value
    switch_off(member)
    problem(browser.get(ME), 401)
    with acting_for(member.organization_id):
        User.objects.filter(pk=member.pk).update(is_active=True)
    browser.cookies["sessionid"] = key
    problem(browser.get(ME), 401)
    assert session_of("acme-member")[0].get(ME).status_code == 200


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_nobody_of_an_organization_that_is_switched_off_is_anybody(people, acme):
    browser, program = session_of("acme-owner")[0], api_as(people["acme-member"])
    elsewhere = api_as(people["globex-member"])
    assert [c.get(ME).status_code for c in (browser, program, elsewhere)] == [200, 200, 200]
    with suspended(acme):
        assert [c.get(ME).status_code for c in (browser, program, elsewhere)] == [401, 401, 200]
        assert browser.get(reverse("admin:index")).status_code == 302


# Whether a sign-in still holds, for streams


@pytest.fixture
def asked_each_time(monkeypatch):
    monkeypatch.setattr(sign_in_module, "ASK_EVERY_SECONDS", 0)


class Request:
    def __init__(self, user, token=None, session_key=None):
        self.user, self.auth = user, token
        self.session = type("Session", (), {"session_key": session_key})


def by_token(user):
    found = find_by_token(digest(token_of(user)))
    return SignIn(Request(found, {"id": found.token_id}))


def by_session(user):
    browser, _ = session_of(user.username)
    return SignIn(Request(find_by_id(user.pk), None, browser.cookies["sessionid"].value))


def holds(sign_in, user):
    with acting_for(user.organization_id):
        return sign_in.holds()


def change_password(user):
    with acting_for(user.organization_id):
        accounts.set_password(user=user, password=NEW_PASSWORD)


@pytest.mark.parametrize("come_in", [by_token, by_session])
@pytest.mark.parametrize("end", [switch_off, delete, change_password])
def test_a_sign_in_ends_with_its_person_and_their_password(people, asked_each_time, come_in, end):
    member, viewer = people["acme-member"], people["acme-viewer"]
    sign_in, other = come_in(member), come_in(viewer)
    assert holds(sign_in, member)
    end(member)
    assert not holds(sign_in, member)
    assert holds(other, viewer)


def test_a_sign_in_ends_with_its_token(people, asked_each_time):
    member = people["acme-member"]
    first, second = by_token(member), by_token(member)
    with acting_for(member.organization_id):
        deletion.delete(member.access_tokens.get(pk=first._token_id))
    assert not holds(first, member)
    assert holds(second, member)


def test_a_sign_in_ends_with_its_session(people, asked_each_time):
    member = people["acme-member"]
    first, second = by_session(member), by_session(member)
    Session.objects.filter(session_key=first._session_key).delete()
    assert not holds(first, member)
    assert holds(second, member)


def test_a_sign_in_is_not_asked_for_at_every_moment(people, django_assert_num_queries):
    sign_in = by_token(people["acme-member"])
    with acting_for(people["acme-member"].organization_id), django_assert_num_queries(0):
        assert sign_in.holds()
