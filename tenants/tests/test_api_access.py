from datetime import timedelta

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tenants.api.testing import api_as, fields_at_fault, problem, token_of
from tenants.context import acting_for
from tenants.models import AccessToken
from tenants.permissions import Permissions
from tenants.testing import PASSWORD

# Platform staff have a login, and so a connection, of their own.
both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
LOGIN, LOGOUT, ME = "/api/v1/auth/login/", "/api/v1/auth/logout/", "/api/v1/me/"


def sign_in(login, password=PASSWORD):
    return APIClient().post(LOGIN, {"login": login, "password": password})


@pytest.mark.parametrize("login", ["acme-member", "member@acme.test", "Member@ACME.test"])
def test_a_password_is_exchanged_for_a_token(people, login):
    answer = sign_in(login)
    assert answer.status_code == 200
    assert answer.json().keys() == {"token", "expires_at"}
    client = APIClient(headers={"Authorization": f"Bearer {answer.json()['token']}"})
    assert client.get(ME).json()["username"] == "acme-member"


@both_logins
def test_staff_sign_in_and_out(people):
    token = sign_in("staff@chancery.test").json()["token"]
    client = APIClient(headers={"Authorization": f"Bearer {token}"})
    assert client.get(ME).json()["is_platform_staff"]
    assert client.post(LOGOUT).status_code == 204
    problem(client.get(ME), 401)


@both_logins
def test_a_wrong_password_and_an_unknown_name_are_answered_alike(people):
    wrong, unknown = sign_in("acme-member", "wrong"), sign_in("nobody", "wrong")
    assert problem(wrong, 401) == problem(unknown, 401)
    assert wrong["WWW-Authenticate"].startswith("Bearer")


def test_a_login_that_is_no_json_is_a_bad_request(people):
    answer = APIClient().post(LOGIN, "{not json", content_type="application/json")
    problem(answer, 400)


@pytest.mark.parametrize(
    "body", [{}, {"login": "x"}, [], "x", {"login": "a\x00b", "password": "x"}]
)
def test_a_login_without_what_it_needs_is_a_bad_request(people, body):
    problem(APIClient().post(LOGIN, body, format="json"), 400)


def test_the_login_names_the_fields_at_fault(people):
    assert fields_at_fault(APIClient().post(LOGIN, {})) == {"login", "password"}


def test_signing_in_ignores_a_token_that_has_ended(people):
    client = APIClient(headers={"Authorization": "Bearer chy_old"})
    answer = client.post(LOGIN, {"login": "acme-owner", "password": PASSWORD})
    assert answer.status_code == 200


def test_signing_out_ends_the_token_and_no_other(people):
    client, other = api_as(people["acme-member"]), api_as(people["acme-member"])
    assert client.post(LOGOUT).status_code == 204
    assert "Bearer" in client.get(ME)["WWW-Authenticate"]
    problem(client.get(ME), 401)
    assert other.get(ME).status_code == 200


def test_signing_out_ends_a_session(people):
    client = Client()
    client.force_login(people["acme-member"], backend="tenants.backends.LoginBackend")
    assert client.get(ME).status_code == 200
    assert client.post(LOGOUT).status_code == 204
    problem(client.get(ME), 401)


@pytest.mark.parametrize("header", ["Bearer chy_unknown", "Bearer ", "bearer x", "Basic eDp5", ""])
def test_who_is_nobody_is_asked_for_a_token(people, header):
    answer = APIClient(headers={"Authorization": header}).get("/api/v1/documents/")
    problem(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_refused_token_is_not_helped_by_a_session(people):
    client = Client()
    client.force_login(people["acme-member"], backend="tenants.backends.LoginBackend")
    problem(client.get(ME, headers={"Authorization": "Bearer chy_unknown"}), 401)


def test_an_expired_token_is_refused(people):
    problem(api_as(people["acme-member"], lifetime=timedelta(seconds=-1)).get(ME), 401)


def test_a_token_of_somebody_switched_off_is_refused(people):
    member = people["acme-member"]
    client = api_as(member)
    with acting_for(member.organization_id):
        member.is_active = False
        member.save()
    problem(client.get(ME), 401)


def test_a_session_needs_the_csrf_token_to_change_things(people):
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["acme-owner"], backend="tenants.backends.LoginBackend")
    refused = client.post("/api/v1/projects/", {"name": "Rocket"}, "application/json")
    assert "CSRF" in problem(refused, 403)["detail"]
    page = client.get("/api/v1/projects/", headers={"Accept": "text/html"})
    token = page.context["csrf_token"]
    answer = client.post(
        "/api/v1/projects/",
        {"name": "Rocket"},
        "application/json",
        headers={"X-CSRFToken": str(token)},
    )
    assert answer.status_code == 201


def test_a_token_needs_no_csrf_token(people):
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        "/api/v1/projects/",
        {"name": "Rocket"},
        "application/json",
        headers={"Authorization": f"Bearer {token_of(people['acme-owner'])}"},
    )
    assert answer.status_code == 201


def test_me_tells_roles_and_permissions(people, acme):
    me = api_as(people["acme-viewer"]).get(ME).json()
    assert me["organization"] == {"id": str(acme.pk), "slug": "acme", "name": "Acme"}
    assert [role["name"] for role in me["roles"]] == ["Viewer"]
    assert me["permissions"] == sorted(
        [
            Permissions.DOCUMENTS_VIEW,
            Permissions.ORGANIZATION_VIEW,
            Permissions.PROJECTS_VIEW,
        ]
    )
    assert "password" not in me


@both_logins
def test_platform_staff_are_told_to_use_the_admin(people):
    client = api_as(people["staff"])
    assert client.get(ME).json()["organization"] is None
    for path in ("documents", "organization", "users", "conversations", "agents", "projects"):
        assert "admin" in problem(client.get(f"/api/v1/{path}/"), 403)["detail"]


def test_scopes_narrow_what_a_token_permits(people):
    owner = people["acme-owner"]
    client = api_as(owner, scopes=[Permissions.PROJECTS_VIEW])
    assert client.get("/api/v1/projects/").status_code == 200
    assert "knowledge.view_document" in problem(client.get("/api/v1/documents/"), 403)["detail"]
    assert client.get(ME).json()["permissions"] == [Permissions.PROJECTS_VIEW]


def test_scopes_do_not_add_to_what_a_user_holds(people):
    client = api_as(people["acme-viewer"], scopes=[Permissions.PROJECTS_ADD])
    problem(client.post("/api/v1/projects/", {"name": "Rocket"}), 403)


def test_scopes_narrow_which_rows_are_seen(people, acme):
    from tenants.services import create_project

    with acting_for(acme):
        create_project(organization_id=acme.pk, name="Rocket")
    owner = people["acme-owner"]
    everything = api_as(owner).get("/api/v1/projects/").json()["results"]
    joined = api_as(owner, scopes=[Permissions.PROJECTS_VIEW]).get("/api/v1/projects/").json()
    assert [project["name"] for project in everything] == ["Rocket"]
    assert joined["results"] == []


def test_the_secret_of_a_token_is_not_kept(people):
    secret = sign_in("acme-member").json()["token"]
    with acting_for(people["acme-member"].organization_id):
        kept = AccessToken.objects.values().get()
    assert secret not in map(str, kept.values())
    assert secret.startswith(kept["prefix"])


def test_answers_of_the_api_are_not_cached(people):
    answer = api_as(people["acme-owner"]).get("/api/v1/projects/")
    assert "no-store" in answer["Cache-Control"]
