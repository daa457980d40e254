"""One's own account over the API: password, e-mail address, tokens."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob
from rest_framework.test import APIClient

from tenants import mails, tasks
from tenants.api.testing import api_as, fields_at_fault, problem, token_of
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.lookup import find_by_login
from tenants.models import AccessToken, KnownAddress, User
from tenants.models.token import digest
from tenants.testing import PASSWORD
from tenants.tests.racing import race

pytestmark = pytest.mark.django_db
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
ME, TOKENS = "/api/v1/me/", "/api/v1/tokens/"
CHANGE, RESET = "/api/v1/auth/password/change/", "/api/v1/auth/password/reset/"
CONFIRM = "/api/v1/auth/password/reset/confirm/"
VERIFY, VERIFIED = "/api/v1/auth/email/verify/", "/api/v1/auth/email/verify/confirm/"
NEW_PASSWORD = "staple a horse to a battery"


def signs_in(login, password):
    body = {"login": login, "password": password}
    return APIClient().post("/api/v1/auth/login/", body).status_code == 200


def browser_of(user):
    browser = Client()
    browser.force_login(user, backend="tenants.backends.LoginBackend")
    return browser


def link_for(user, tokens=mails.password_tokens):
    return {"uid": mails.uid_of(user), "token": tokens.make_token(user)}


def run_jobs(task):
    """Run the waiting jobs of a task, as a worker would; return how many."""
    jobs = ProcrastinateJob.objects.filter(task_name=task.name, status="todo")
    for job in jobs:
        task(**job.args)
    return len(jobs)


def link_in(message):
    """The uid and the token of the link in a mail."""
    uid, token = re.search(r"https?://[^/]+/admin/\w+/([^/]+)/([^/]+)/\n", message.body).groups()
    return {"uid": uid, "token": token}


# Changing it


def test_a_password_is_changed_by_who_knows_the_old_one(people):
    member = api_as(people["acme-member"])
    assert member.post(CHANGE, {"old": PASSWORD, "new": NEW_PASSWORD}).status_code == 204
    assert signs_in("acme-member", NEW_PASSWORD)
    assert not signs_in("acme-member", PASSWORD)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"old": "wrong", "new": NEW_PASSWORD}, "old"),
        ({"old": PASSWORD, "new": "password"}, "new"),
        ({"old": PASSWORD, "new": "acme-member"}, "new"),
        ({"old": PASSWORD, "new": "Acme Member"}, "new"),
        ({"old": PASSWORD}, "new"),
    ],
)
def test_a_password_is_not_changed_to_a_weak_one_or_by_a_guess(people, body, field):
    member = api_as(people["acme-member"])
    assert fields_at_fault(member.post(CHANGE, body)) == {field}
    assert member.get(ME).status_code == 200
    assert find_by_login("acme-member").password == people["acme-member"].password


def test_changing_it_ends_every_token_and_every_other_session(people):
    member = people["acme-member"]
    asking, other, program = browser_of(member), browser_of(member), api_as(member)
    body = {"old": PASSWORD, "new": NEW_PASSWORD}
    assert asking.post(CHANGE, body, "application/json").status_code == 204
    assert [c.get(ME).status_code for c in (asking, other, program)] == [200, 401, 401]


def test_a_session_changes_it_with_the_csrf_token_only(people):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people["acme-member"], backend="tenants.backends.LoginBackend")
    body = {"old": PASSWORD, "new": NEW_PASSWORD}
    assert "CSRF" in problem(browser.post(CHANGE, body, "application/json"), 403)["detail"]


def test_nobody_changes_nothing(people):
    problem(APIClient().post(CHANGE, {"old": PASSWORD, "new": NEW_PASSWORD}), 401)


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_old_password_are_counted_though_they_are_refused(people, settings):
    settings.SIGN_IN_LIMITS = (2, 100, 100)
    member, viewer = api_as(people["acme-member"]), api_as(people["acme-viewer"])
    guess = {"old": "wrong", "new": NEW_PASSWORD}
    assert [member.post(CHANGE, guess).status_code for _ in range(3)] == [400, 400, 429]
    paused = member.post(CHANGE, {"old": PASSWORD, "new": NEW_PASSWORD})
    assert int(paused["Retry-After"]) > 0
    assert viewer.post(CHANGE, {"old": PASSWORD, "new": NEW_PASSWORD}).status_code == 204
    assert signs_in("acme-member", PASSWORD)  # a stolen token keeps nobody from signing in


@both_logins
def test_platform_staff_change_theirs(people):
    staff = api_as(people["staff"])
    assert staff.post(CHANGE, {"old": PASSWORD, "new": NEW_PASSWORD}).status_code == 204
    problem(staff.get(ME), 401)
    assert signs_in("staff", NEW_PASSWORD)


@pytest.mark.parametrize("path", [CHANGE, VERIFY])
def test_a_token_with_scopes_does_not_speak_for_the_account(people, path):
    narrow = api_as(people["acme-owner"], scopes=["tenants.view_user"])
    body = {"old": PASSWORD, "new": NEW_PASSWORD}
    assert "scopes" in problem(narrow.post(path, body), 403)["detail"]
    assert "scopes" in problem(narrow.get(TOKENS), 403)["detail"]


# Forgetting it


@pytest.mark.parametrize("email", ["member@acme.test", "Member@ACME.test", "nobody@acme.test"])
def test_a_reset_is_asked_for_alike_for_everybody(people, email, django_assert_num_queries):
    with django_assert_num_queries(9):
        answer = APIClient().post(RESET, {"email": email})
    assert (answer.status_code, answer.content) == (204, b"")
    assert ProcrastinateJob.objects.filter(task_name=tasks.mail_password_reset.name).count() == 1
    assert mail.outbox == []
    run_jobs(tasks.mail_password_reset)
    assert [m.to for m in mail.outbox] == ([["member@acme.test"]] if "nobody" not in email else [])


def test_who_may_not_sign_in_is_mailed_nothing(people):
    with acting_for(people["acme-member"].organization_id):
        User.objects.filter(username="acme-member").update(is_active=False)
    assert APIClient().post(RESET, {"email": "member@acme.test"}).status_code == 204
    assert run_jobs(tasks.mail_password_reset) == 1
    assert mail.outbox == []


def test_a_job_holds_no_address(people):
    APIClient().post(RESET, {"email": "member@acme.test"})
    (job,) = ProcrastinateJob.objects.filter(task_name=tasks.mail_password_reset.name)
    assert job.args == {"user_id": str(people["acme-member"].pk)}


def test_the_link_leads_to_the_installation_and_not_to_where_the_request_says(people, settings):
    settings.PUBLIC_URL = "https://chancery.example"
    APIClient(headers={"Host": "localhost"}).post(RESET, {"email": "member@acme.test"})
    run_jobs(tasks.mail_password_reset)
    assert "https://chancery.example/admin/reset/" in mail.outbox[0].body
    assert "localhost" not in mail.outbox[0].body


def test_a_forgotten_password_is_replaced_by_the_link(people):
    program, browser = api_as(people["acme-member"]), browser_of(people["acme-member"])
    APIClient().post(RESET, {"email": "member@acme.test"})
    run_jobs(tasks.mail_password_reset)
    body = link_in(mail.outbox[0]) | {"password": NEW_PASSWORD}
    assert APIClient().post(CONFIRM, body).status_code == 204
    assert signs_in("acme-member", NEW_PASSWORD)
    assert not signs_in("acme-member", PASSWORD)
    assert [c.get(ME).status_code for c in (program, browser)] == [401, 401]
    assert problem(APIClient().post(CONFIRM, body), 400)["type"] == "urn:chancery:link-refused"


@both_logins
def test_platform_staff_forget_theirs_too(people):
    body = link_for(people["staff"]) | {"password": NEW_PASSWORD}
    assert APIClient().post(CONFIRM, body).status_code == 204
    assert signs_in("staff", NEW_PASSWORD)


def test_a_weak_password_leaves_the_link_as_it_is(people):
    body = link_for(people["acme-member"]) | {"password": "password"}
    assert fields_at_fault(APIClient().post(CONFIRM, body)) == {"password"}
    body["password"] = NEW_PASSWORD
    assert APIClient().post(CONFIRM, body).status_code == 204


def changed_email(user):
    User.objects.filter(pk=user.pk).update(email="new@acme.test")


def switched_off(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("change", [changed_email, switched_off, delete])
def test_a_link_ends_with_the_address_and_with_the_person(people, change):
    member = people["acme-member"]
    body = link_for(member) | {"password": NEW_PASSWORD}
    with acting_for(member.organization_id):
        change(member)
    problem(APIClient().post(CONFIRM, body), 400)


def test_a_link_is_its_persons_alone(people):
    mine, theirs = link_for(people["acme-member"]), link_for(people["globex-owner"])
    crossed = {"uid": theirs["uid"], "token": mine["token"], "password": NEW_PASSWORD}
    verification = link_for(people["acme-member"], mails.email_tokens)
    nonsense = [{"uid": uid, "token": mine["token"]} for uid in ("x", "_w", "aGVsbG8", "é")]
    for link in (crossed, verification, *nonsense):
        refused = APIClient().post(CONFIRM, link | {"password": NEW_PASSWORD})
        assert problem(refused, 400)["type"] == "urn:chancery:link-refused", link
    assert APIClient().post(CONFIRM, mine | {"password": NEW_PASSWORD}).status_code == 204


def test_an_old_link_is_refused(people, settings):
    body = link_for(people["acme-member"]) | {"password": NEW_PASSWORD}
    settings.PASSWORD_RESET_TIMEOUT = -1
    problem(APIClient().post(CONFIRM, body), 400)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_a_link_at_once_one_is_refused(people):
    link = link_for(people["acme-member"])

    def confirm(password):
        return APIClient().post(CONFIRM, link | {"password": password}).status_code

    passwords = [f"{NEW_PASSWORD} {n}" for n in range(4)]
    answers = race(*[lambda p=p: confirm(p) for p in passwords])
    assert sorted(answers) == [204, 400, 400, 400]
    assert signs_in("acme-member", passwords[answers.index(204)])


def test_a_session_or_a_token_does_not_stand_in_the_way_of_a_link(people):
    body = link_for(people["acme-member"]) | {"password": NEW_PASSWORD}
    assert api_as(people["globex-owner"]).post(CONFIRM, body).status_code == 204
    answer = browser_of(people["globex-owner"]).post(RESET, {"email": "member@acme.test"})
    assert answer.status_code == 204


def test_where_a_link_was_used_its_person_is_known(people):
    APIClient().post(CONFIRM, link_for(people["acme-member"]) | {"password": NEW_PASSWORD})
    assert KnownAddress.objects.count() == 2


@pytest.mark.parametrize("email", ["member@acme.test", "nobody@acme.test"])
def test_nobody_fills_a_mailbox(people, settings, email):
    settings.MAIL_LIMITS = (2, 100, 3)
    here = [APIClient().post(RESET, {"email": email}) for _ in range(3)]
    assert [answer.status_code for answer in here] == [204, 204, 429]
    assert int(here[-1]["Retry-After"]) > 0
    elsewhere = [
        APIClient(REMOTE_ADDR=f"192.0.2.{n}").post(RESET, {"email": email}) for n in range(2)
    ]
    assert [answer.status_code for answer in elsewhere] == [204, 429]
    assert APIClient().post(RESET, {"email": "owner@acme.test"}).status_code == 204


def test_an_address_that_is_none_is_a_bad_request(people):
    assert fields_at_fault(APIClient().post(RESET, {"email": "acme-member"})) == {"email"}


# The address


def is_verified(user):
    return find_by_login(user.username).is_email_verified


def test_an_address_is_confirmed_by_the_link_that_is_mailed_there(people):
    member = people["acme-member"]
    assert api_as(member).post(VERIFY).status_code == 204
    run_jobs(tasks.mail_email_verification)
    (message,) = mail.outbox
    assert message.to == ["member@acme.test"]
    assert not is_verified(member)
    link = link_in(message)
    assert APIClient().post(VERIFIED, link).status_code == 204
    assert is_verified(member)
    problem(APIClient().post(VERIFIED, link), 400)
    assert not is_verified(people["acme-viewer"])


def test_a_verified_address_is_mailed_nothing(people):
    member = people["acme-member"]
    APIClient().post(VERIFIED, link_for(member, mails.email_tokens))
    assert api_as(member).post(VERIFY).status_code == 204
    assert run_jobs(tasks.mail_email_verification) == 0


def test_a_link_confirms_one_address_only(people):
    member = people["acme-member"]
    link = link_for(member, mails.email_tokens)
    password_link = link_for(member)
    problem(APIClient().post(VERIFIED, password_link), 400)
    with acting_for(member.organization_id):
        changed_email(member)
    problem(APIClient().post(VERIFIED, link), 400)
    assert not is_verified(member)


@both_logins
def test_platform_staff_confirm_theirs(people):
    assert api_as(people["staff"]).post(VERIFY).status_code == 204
    assert run_jobs(tasks.mail_email_verification) == 1
    assert APIClient().post(VERIFIED, link_in(mail.outbox[0])).status_code == 204
    assert is_verified(people["staff"])


def test_another_address_is_not_verified(people):
    owner, member = people["acme-owner"], people["acme-member"]
    APIClient().post(VERIFIED, link_for(member, mails.email_tokens))
    path = f"/api/v1/users/{member.pk}/"
    same = api_as(owner).patch(path, {"email": "Member@acme.test", "full_name": "Mia"})
    assert same.json()["is_email_verified"] is True
    other = api_as(owner).patch(path, {"email": "mia@acme.test"})
    assert other.json()["is_email_verified"] is False


def test_asking_for_mails_is_limited(people, settings):
    settings.MAIL_LIMITS = (2, 100, 100)
    member = api_as(people["acme-member"])
    assert [member.post(VERIFY).status_code for _ in range(3)] == [204, 204, 429]


# Tokens


def test_tokens_are_listed_for_their_owner_without_what_they_open(people):
    member = people["acme-member"]
    secret = token_of(member, scopes=["tenants.view_project"])
    token_of(people["acme-viewer"])
    token_of(people["globex-member"])
    token_of(member, lifetime=timedelta(seconds=-1))
    answer = api_as(member).get(TOKENS)
    asking, listed = answer.json()["results"]
    assert listed.keys() == {"id", "prefix", "name", "scopes", "created_at", "expires_at"}
    assert listed["scopes"] == ["tenants.view_project"]
    assert secret.startswith(listed["prefix"])
    assert asking["scopes"] == []
    assert secret not in answer.content.decode()
    assert digest(secret) not in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_a_token_is_revoked_by_its_owner(people):
    member = people["acme-member"]
    lost, kept = api_as(member), api_as(member)
    newest, oldest = kept.get(TOKENS).json()["results"]
    assert kept.delete(f"{TOKENS}{oldest['id']}/").status_code == 204
    problem(lost.get(ME), 401)
    assert [t["id"] for t in kept.get(TOKENS).json()["results"]] == [newest["id"]]
    problem(kept.delete(f"{TOKENS}{oldest['id']}/"), 404)


@pytest.mark.parametrize("other", ["acme-owner", "globex-member"])
def test_a_token_is_revoked_by_nobody_else(people, other):
    member = people["acme-member"]
    client = api_as(member)
    (mine,) = client.get(TOKENS).json()["results"]
    problem(api_as(people[other]).delete(f"{TOKENS}{mine['id']}/"), 404)
    assert client.get(ME).status_code == 200


def test_tokens_are_not_made_or_changed_here(people):
    client = api_as(people["acme-member"])
    problem(client.post(TOKENS, {"name": "x"}), 405)
    with acting_for(people["acme-member"].organization_id):
        token = AccessToken.objects.get()
    problem(client.get(f"{TOKENS}{token.pk}/"), 405)
    problem(client.patch(f"{TOKENS}{token.pk}/", {"name": "x"}), 405)


@both_logins
def test_platform_staff_have_tokens_too(people):
    staff = api_as(people["staff"])
    (mine,) = staff.get(TOKENS).json()["results"]
    assert staff.delete(f"{TOKENS}{mine['id']}/").status_code == 204
    problem(staff.get(ME), 401)
