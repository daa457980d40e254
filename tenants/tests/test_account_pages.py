"""Pages for who cannot sign in, and the passwords that are set in the admin."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.http import urlsafe_base64_encode

from common.ids import uuid7
from tenants import mails, tasks
from tenants.admin.testing import signed_in
from tenants.api.testing import api_as
from tenants.context import acting_for
from tenants.lookup import find_by_login
from tenants.models import User
from tenants.testing import PASSWORD
from tenants.tests.test_api_account import NEW_PASSWORD, browser_of, run_jobs, signs_in

pytestmark = pytest.mark.django_db
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
ME, FORGOTTEN = "/api/v1/me/", "/admin/password_reset/"
REFUSED = "This link was used already or is too old"


def chosen(password, again=None):
    return {"new_password1": password, "new_password2": again or password}


def reset_page(user):
    uid, token = mails.uid_of(user), mails.password_tokens.make_token(user)
    return reverse("admin_password_reset_confirm", args=[uid, token])


def verification_page(user):
    uid, token = mails.uid_of(user), mails.email_tokens.make_token(user)
    return reverse("admin_email_confirm", args=[uid, token])


@pytest.mark.parametrize("door", ["/admin/login/", "/session/login/"])
def test_the_doors_lead_to_the_page_for_a_forgotten_password(db, client, door):
    assert f'href="{FORGOTTEN}"' in client.get(door).content.decode()
    assert client.get(FORGOTTEN).status_code == 200


def test_a_forgotten_password_is_replaced_in_a_browser(people):
    browser = Client()
    sent = browser.post(FORGOTTEN, {"email": "Member@acme.test"}, follow=True)
    assert "mailbox" in sent.content.decode()
    run_jobs(tasks.mail_password_reset)
    (path,) = re.findall(r"https?://[^/]+(/admin/reset/\S+)", mail.outbox[0].body)
    page = browser.get(path, follow=True)
    assert page.request["PATH_INFO"].endswith("/set-password/")  # no Referer carries the token
    weak = browser.post(page.request["PATH_INFO"], chosen("password"))
    assert "too common" in weak.content.decode()
    similar = browser.post(page.request["PATH_INFO"], chosen("acme-member"))
    assert "too similar to the username" in similar.content.decode()
    unlike = browser.post(page.request["PATH_INFO"], chosen(NEW_PASSWORD, "another"))
    assert "match." in unlike.content.decode()
    done = browser.post(page.request["PATH_INFO"], chosen(NEW_PASSWORD), follow=True)
    assert "Sign in with it" in done.content.decode()
    assert signs_in("acme-member", NEW_PASSWORD)
    assert REFUSED in Client().get(path).content.decode()


@both_logins
def test_platform_staff_come_back_the_same_way(people):
    browser = Client()
    page = browser.get(reset_page(people["staff"]), follow=True)
    browser.post(page.request["PATH_INFO"], chosen(NEW_PASSWORD))
    assert signed_in("staff", NEW_PASSWORD).get(reverse("admin:index")).status_code == 200


def test_the_page_answers_alike_for_an_address_that_is_nobodys(people):
    known = Client().post(FORGOTTEN, {"email": "member@acme.test"})
    unknown = Client().post(FORGOTTEN, {"email": "nobody@acme.test"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)


@pytest.mark.parametrize("email", ["member@acme.test", "nobody@acme.test"])
def test_the_page_says_when_to_ask_again(people, settings, email):
    settings.MAIL_LIMITS = (1, 100, 100)
    Client().post(FORGOTTEN, {"email": email})
    paused = Client().post(FORGOTTEN, {"email": email})
    assert "too many attempts" in paused.content.decode()


@pytest.mark.parametrize("uid", ["nonsense", "_w", "MDFhMjA0MzE"])
def test_a_link_that_is_none_says_so(people, uid):
    for name in ("admin_password_reset_confirm", "admin_email_confirm"):
        page = Client().get(reverse(name, args=[uid, "token"]))
        assert REFUSED in page.content.decode()
        assert b'type="submit"' not in page.content


@pytest.mark.parametrize("name", ["admin_password_reset_confirm", "admin_email_confirm"])
def test_a_wrong_link_does_not_tell_whether_there_is_such_a_person(people, name):
    somebody = mails.uid_of(people["acme-owner"])
    nobody = urlsafe_base64_encode(str(uuid7()).encode())

    def answers(uid):
        client, page = Client(), reverse(name, args=[uid, "token"])
        for asked in (client.get(page), client.post(page, chosen("a good password 7"))):
            told = asked.content.decode().replace(uid, "")
            yield (
                asked.status_code,
                re.sub(r'(nonce|value)="[^"]*"', "", told),
                sorted(asked.headers),
            )

    assert list(answers(somebody)) == list(answers(nobody))


def test_a_link_that_is_used_in_another_window_meanwhile_is_refused(people):
    first, second = Client(), Client()
    link = reset_page(people["acme-member"])
    pages = [browser.get(link, follow=True).request["PATH_INFO"] for browser in (first, second)]
    first.post(pages[0], chosen(NEW_PASSWORD))
    late = second.post(pages[1], chosen("another horse, another battery"))
    assert REFUSED in late.content.decode()
    assert signs_in("acme-member", NEW_PASSWORD)


def test_somebody_elses_session_does_not_stand_in_the_way(people):
    browser = browser_of(people["globex-owner"])
    page = browser.get(reset_page(people["acme-member"]), follow=True)
    assert browser.post(page.request["PATH_INFO"], chosen(NEW_PASSWORD)).status_code == 302
    assert signs_in("acme-member", NEW_PASSWORD)
    assert browser.get(ME).json()["username"] == "globex-owner"


def test_an_address_is_confirmed_by_a_button_and_not_by_looking(people):
    member, browser = people["acme-member"], Client()
    path = verification_page(member)
    assert "member@acme.test" in browser.get(path).content.decode()
    assert not find_by_login("acme-member").is_email_verified
    assert "Confirmed" in browser.post(path, follow=True).content.decode()
    assert find_by_login("acme-member").is_email_verified
    assert REFUSED in browser.get(path).content.decode()
    assert REFUSED in browser.post(path).content.decode()


def test_the_pages_take_no_form_from_elsewhere(people):
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(FORGOTTEN, {"email": "member@acme.test"}).status_code == 403
    assert browser.post(verification_page(people["acme-member"])).status_code == 403


# Passwords in the admin


def own(old, new):
    return {"old_password": old, "new_password1": new, "new_password2": new}


def test_ones_own_new_password_ends_tokens_and_other_sessions(people):
    browser, other = signed_in("acme-owner"), signed_in("acme-owner")
    program = api_as(people["acme-owner"])
    page = reverse("admin:password_change")
    assert browser.post(page, own(PASSWORD, "password")).status_code == 200
    assert browser.post(page, own("wrong", NEW_PASSWORD)).status_code == 200
    assert [c.get(ME).status_code for c in (browser, other, program)] == [200, 200, 200]
    assert browser.post(page, own(PASSWORD, NEW_PASSWORD)).status_code == 302
    assert [c.get(ME).status_code for c in (browser, other, program)] == [200, 401, 401]


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_guesses_at_the_old_password_are_counted(people, settings, username):
    browser = signed_in(username)
    settings.SIGN_IN_LIMITS = (1, 100, 100)
    page = reverse("admin:password_change")
    browser.post(page, own("wrong", NEW_PASSWORD))
    paused = browser.post(page, own(PASSWORD, NEW_PASSWORD))
    assert "too many attempts" in paused.content.decode()


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
@pytest.mark.parametrize("usable", ["true", "false"])
def test_a_password_set_for_somebody_ends_their_sign_ins(people, username, usable):
    member = people["acme-member"]
    session, program, other = browser_of(member), api_as(member), api_as(people["acme-viewer"])
    page = reverse("admin:auth_user_password_change", args=[member.pk])
    button = "set-password" if usable == "true" else "unset-password"
    data = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": usable}
    assert signed_in(username).post(page, data | {button: "1"}).status_code == 302
    assert [c.get(ME).status_code for c in (session, program, other)] == [401, 401, 200]
    assert signs_in("acme-member", NEW_PASSWORD) is (usable == "true")


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_ones_own_is_not_set_without_the_old_one(people, username):
    """Who finds an open browser would keep the account."""
    page = reverse("admin:auth_user_password_change", args=[people[username].pk])
    data = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert signed_in(username).post(page, data).url == reverse("admin:password_change")
    assert signs_in(username, PASSWORD)


def test_a_new_person_gets_no_weak_password(people):
    page = reverse("admin:tenants_user_add")
    data = {"username": "dora", "email": "dora@acme.test", "is_active": "on"}
    weak = {"password1": "password", "password2": "password"}
    refused = signed_in("acme-owner").post(page, data | weak)
    assert "too common" in str(refused.context["adminform"].form.errors)
    with acting_for(people["acme-owner"].organization_id):
        assert not User.objects.filter(username="dora").exists()
