"""What holds for every route of the API, found by walking them."""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework.permissions import AllowAny, IsAuthenticated

from config import api
from tenants.api.permissions import HasAllRights
from tenants.api.testing import PROBLEM, api_as, problem
from tenants.api.viewsets import OrganizationViewSet
from tenants.permissions import Permissions

# Views that ask for no permission of an organization, and what they ask instead.
OTHERS = {
    "EmailConfirmView": AllowAny,
    "EmailVerifyView": HasAllRights,
    "LoginView": AllowAny,
    "LogoutView": IsAuthenticated,
    "MeView": IsAuthenticated,
    "PasswordChangeView": HasAllRights,
    "PasswordResetConfirmView": AllowAny,
    "PasswordResetView": AllowAny,
    "RootView": AllowAny,
    "SpectacularAPIView": AllowAny,
    "SpectacularSwaggerSplitView": AllowAny,
    "TokenViewSet": HasAllRights,
}


def walk(patterns, prefix=""):
    """Yield (path, callback) of all routes."""
    for entry in patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from walk(entry.url_patterns, path)
        elif isinstance(entry, URLPattern):
            yield path, entry.callback


ROUTES = list(walk(api.urlpatterns))


@pytest.mark.parametrize(("path", "view"), ROUTES, ids=[path for path, _ in ROUTES])
def test_every_action_names_its_permission(path, view):
    if not issubclass(view.cls, OrganizationViewSet):
        assert view.cls.permission_classes == [OTHERS[view.cls.__name__]]
        return
    assert view.cls.permission_classes == OrganizationViewSet.permission_classes
    for action in view.actions.values():
        required = view.cls.required_permissions[action]
        for permission in required if isinstance(required, tuple) else (required,):
            assert permission in Permissions


@pytest.mark.parametrize(("path", "view"), ROUTES, ids=[path for path, _ in ROUTES])
def test_no_permission_is_named_for_an_action_that_is_not_routed(path, view):
    if issubclass(view.cls, OrganizationViewSet):
        routed = {
            action
            for _, other in ROUTES
            if other.cls is view.cls
            for action in other.actions.values()
        }
        assert view.cls.required_permissions.keys() == routed


def test_only_known_views_are_in_the_urls_under_api():
    under_api = [path for path, _ in walk(get_resolver().url_patterns) if path.startswith("api/")]
    assert len(under_api) == len(ROUTES)


@pytest.fixture
def schema(db):
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        schema = SchemaGenerator().get_schema(request=None, public=True)
    warnings = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    GENERATOR_STATS.reset()
    assert warnings == []
    return schema


def test_the_schema_is_valid_and_complete(schema):
    validate_schema(schema)
    assert schema["openapi"].startswith("3.1")
    assert "/api/v1/conversations/{conversation_pk}/messages/" in schema["paths"]
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            assert PROBLEM in operation["responses"]["default"]["content"], path


def test_ids_can_be_written_nowhere(schema):
    for name, component in schema["components"]["schemas"].items():
        if name.endswith("Request"):
            forbidden = {"id", "organization", "is_staff", "is_superuser", "member_count"}
            assert not forbidden & component["properties"].keys(), name


def test_the_schema_is_served_as_json(client, db):
    answer = client.get("/api/v1/schema/?format=json")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")


def test_the_documentation_needs_no_inline_script(client, db):
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    assert b"<script>" not in page.content
    assert b"http" not in page.content.replace(b"http-equiv", b"")
    script = client.get("/api/v1/docs/?script=")
    assert script["Content-Type"] == "application/javascript"
    assert "script-src" not in page["Content-Security-Policy"]


def test_the_front_door_leads_to_the_documentation(client, db):
    assert client.get("/")["Location"] == "/api/v1/docs/"


@pytest.mark.parametrize("path", ["/api/", "/api/v1/nothing/", "/api/v2/documents/", "/api/%00"])
def test_an_unknown_path_is_a_problem(client, db, path):
    problem(client.get(path), 404)
    problem(client.post(path), 404)


def test_a_path_without_its_last_slash_leads_to_the_one_with_it(people):
    owner = api_as(people["acme-owner"])
    answer = owner.post("/api/v1/projects", {"name": "Rocket"})
    assert (answer.status_code, answer["Location"]) == (308, "/api/v1/projects/")
    problem(owner.post("/api/v1/nothing", {"name": "Rocket"}), 404)


def test_an_unknown_page_is_none_of_the_apis(client, db):
    answer = client.get("/nothing/")
    assert (answer.status_code, answer["Content-Type"][:9]) == (404, "text/html")


def test_what_cannot_be_said_is_a_problem(people):
    owner = api_as(people["acme-owner"])
    problem(owner.put("/api/v1/projects/", {}), 405)
    problem(owner.options("/api/v1/projects/"), 405)
    problem(owner.get("/api/v1/projects/", headers={"Accept": "image/png"}), 406)
    problem(owner.get("/api/v1/projects/?format=png"), 404)
    problem(owner.post("/api/v1/projects/", b"x", content_type="text/plain"), 415)
    problem(owner.post("/api/v1/projects/", b"{", content_type="application/json"), 400)


def test_what_is_larger_than_any_request_is_a_problem(people, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    owner = api_as(people["acme-owner"])
    problem(owner.post("/api/v1/projects/", {"name": "x" * 20}), 413)
    problem(owner.post("/api/v1/projects/", {"name": "x" * 20}, format="multipart"), 413)
    form = "application/x-www-form-urlencoded"
    problem(owner.post("/api/v1/projects/", "name=" + "x" * 20, content_type=form), 413)


def test_a_plain_form_will_do(people):
    owner, form = api_as(people["acme-owner"]), "application/x-www-form-urlencoded"
    answer = owner.post("/api/v1/projects/", "name=Rock%C3%A9t", content_type=form)
    assert answer.json()["name"] == "Rockét"


def test_a_fault_of_the_program_is_a_problem_without_its_cause(people, monkeypatch):
    from tenants.api.views.projects import ProjectViewSet

    def break_down(self):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(ProjectViewSet, "get_queryset", break_down)
    owner = api_as(people["acme-owner"])
    owner.raise_request_exception = False
    answer = owner.get("/api/v1/projects/")
    problem(answer, 500)
    assert b"secret" not in answer.content


def test_a_signed_in_browser_finds_forms(people):
    client = Client()
    client.force_login(people["acme-owner"], backend="tenants.backends.LoginBackend")
    for path in ("documents", "search", "conversations", "projects", "users", "roles", "agents"):
        page = client.get(f"/api/v1/{path}/", headers={"Accept": "text/html"})
        assert page["Content-Type"].startswith("text/html")
        assert b"<form" in page.content
        assert b"<script>" not in page.content


@pytest.mark.parametrize("path", ["projects", "users", "agents", "documents"])
def test_what_is_on_by_default_is_ticked_in_a_browsers_form(people, path):
    client = Client()
    client.force_login(people["acme-owner"], backend="tenants.backends.LoginBackend")
    page = client.get(f"/api/v1/{path}/", headers={"Accept": "text/html"}).content.decode()
    boxes = [line for line in page.splitlines() if 'type="checkbox"' in line]
    assert boxes
    assert all(("checked" in box) != ("is_restricted" in box) for box in boxes)


def test_a_form_that_leaves_a_box_out_leaves_its_default(people):
    owner = api_as(people["acme-owner"])
    made = owner.post("/api/v1/projects/", {"name": "Rocket"}, format="multipart")
    assert made.json()["is_active"] is True


def test_a_browser_is_shown_what_was_wrong_beside_what_it_typed(people):
    client = Client()
    client.force_login(people["acme-owner"], backend="tenants.backends.LoginBackend")
    page = client.post(
        "/api/v1/projects/", {"name": "", "description": "kept"}, headers={"Accept": "text/html"}
    )
    assert page.status_code == 400
    assert b"kept" in page.content


def test_a_browser_that_is_nobody_can_sign_in(people):
    client = Client()
    page = client.get("/api/v1/projects/", headers={"Accept": "text/html"})
    assert page.status_code == 401
    assert b"/session/login/" in page.content
    signed_in = client.post(
        "/session/login/", {"username": "acme-member", "password": "correct horse battery"}
    )
    assert signed_in["Location"] == "/api/v1/"
    assert client.get("/api/v1/me/").json()["username"] == "acme-member"
