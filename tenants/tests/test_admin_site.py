"""The site around the pages: signing in, what is not there, what browsers may run."""

import pytest
from django.core.checks import run_checks
from django.urls import reverse

from common.ids import uuid7
from tenants.admin.testing import page, signed_in
from tenants.models import Organization, User
from tenants.testing import PASSWORD

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
NEW_PASSWORD = "staple a horse to a battery"


def sections(username):
    shown = signed_in(username).get(reverse("admin:index"))
    assert shown.status_code == 200
    return [section["title"] for section in shown.context["sidebar_navigation"]]


@both_logins
def test_platform_staff_are_offered_the_control_plane_and_no_content(acme):
    assert sections("staff") == [
        "Organizations",
        "People",
        "Projects",
        "Agents",
        "Usage",
        "Jobs",
        "Audit",
    ]


def test_an_owner_is_offered_all_that_is_the_organizations(acme):
    assert sections("acme-owner") == [
        "Organizations",
        "People",
        "Projects",
        "Agents",
        "Usage",
        "Knowledge",
        "Conversations",
        "Audit",
    ]


def test_signing_in_leads_to_the_first_page(acme, client):
    door = reverse("admin:login")
    assert "E-mail address or username" in client.get(door).content.decode()
    answer = client.post(door, {"username": "owner@acme.test", "password": PASSWORD})
    assert answer.url == reverse("admin:index")


def test_the_page_asked_for_comes_after_signing_in(acme, client):
    wanted = page(User, "changelist")
    door = client.get(wanted).url
    answer = client.post(door, {"username": "acme-owner", "password": PASSWORD})
    assert answer.url == wanted


@both_logins
@pytest.mark.parametrize("usernames", [("staff", "acme-owner"), ("acme-owner", "staff")])
def test_somebody_else_signs_in_over_a_session(acme, usernames):
    first, second = usernames
    client = signed_in(first)
    client.post(reverse("admin:login"), {"username": second, "password": PASSWORD})
    shown = client.get(reverse("admin:index"))
    assert shown.context["user"].username == second


def test_only_the_admin_may_evaluate_scripts(acme, client):
    policy = client.get(reverse("admin:login"))["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "script-src" not in client.get("/elsewhere")["Content-Security-Policy"]
    inside = signed_in("acme-owner").get(reverse("admin:index"))["Content-Security-Policy"]
    assert "'unsafe-inline'" not in inside.split("script-src")[1].split(";")[0]


def test_the_shortcut_by_content_type_is_gone(acme):
    client = signed_in("acme-owner")
    for key in ("1", "nothing", uuid7()):
        assert client.get(f"/admin/r/1/{key}/").status_code == 404


@pytest.mark.parametrize("address", ["search/?s=a&page=x", "search/?s=a&page=99"])
def test_a_page_of_results_that_is_none_is_not_found(acme, address):
    assert signed_in("acme-owner").get(f"/admin/{address}").status_code == 404


def test_a_character_that_postgresql_lacks_is_refused(acme):
    for address in ("tenants/user/?q=%00", "tenants/user/?is_active__exact=%00"):
        assert signed_in("acme-owner").get(f"/admin/{address}").status_code == 400


def test_a_list_is_not_filtered_by_a_regular_expression(acme):
    client = signed_in("acme-owner")
    people = page(User, "changelist")
    assert client.get(people, {"is_active__exact": "1"}).status_code == 200
    for lookup in ("regex", "iregex"):
        assert client.get(people, {f"is_active__{lookup}": "("}).status_code == 400


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_everybody_changes_their_own_password(acme, username):
    client = signed_in(username)
    answer = client.post(
        reverse("admin:password_change"),
        {
            "old_password": PASSWORD,
            "new_password1": NEW_PASSWORD,
            "new_password2": NEW_PASSWORD,
        },
    )
    assert answer.url == reverse("admin:password_change_done")
    assert client.get(reverse("admin:index")).status_code == 200  # still signed in
    signed_in(username, NEW_PASSWORD)


@both_logins
@pytest.mark.parametrize("username", ["staff", "acme-owner"])
def test_signing_out_ends_the_session(acme, username):
    client = signed_in(username)
    assert client.post(reverse("admin:logout")).status_code == 200
    assert client.get(page(Organization, "changelist")).status_code == 302


@pytest.mark.django_db
def test_checking_the_admin_asks_no_database(django_assert_num_queries):
    """It is checked before the first migration, too."""
    with django_assert_num_queries(0):
        run_checks()
