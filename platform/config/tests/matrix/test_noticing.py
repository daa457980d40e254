"""The matrix is tried itself: with a leak planted, what checks it must notice."""

import logging

import pytest
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpResponseRedirect, StreamingHttpResponse
from rest_framework.response import Response

from config.tests.matrix import bodies, pages
from config.tests.matrix.actors import BY_NAME, SESSION, TOKEN
from config.tests.matrix.asking import Asking, ask_probe
from config.tests.matrix.bodies import Asked, asked
from config.tests.matrix.checks import log_collected
from config.tests.matrix.patterns import Pattern, all_patterns
from config.tests.matrix.surfaces import Surface
from config.tests.matrix.targets import labels
from config.tests.matrix.undoing import committed, committed_changes, take_fingerprints
from knowledge.api.views import DocumentViewSet
from tenants.admin.base import UnloggedAdmin
from tenants.api.permissions import HoldsPermission
from tenants.api.views.projects import ProjectViewSet
from tenants.context import SETTING
from tenants.models import Project, User
from tenants.tests.sql import run

pytestmark = [pytest.mark.long, pytest.mark.django_db(databases=["default", "platform"])]

PROJECTS = type(admin.site.get_model_admin(Project))
PATTERNS = {pattern.name: pattern for pattern in all_patterns()}


@pytest.fixture
def faults_of(world):
    """`faults_of("project-list", "viewer")`: what is wrong with what they are answered."""

    def ask(name, actor):
        pattern = PATTERNS[name]
        take_fingerprints(world)
        with log_collected() as log:
            transport = SESSION if pattern.viewset is None else TOKEN
            asking = Asking(world, BY_NAME[actor], transport, log)
            asking.ask_everything(pattern)
        return "\n".join(asking.faults)

    return ask


def every_name():
    """What nobody but the owner of the database sees: everybody's projects."""
    return [name for (name,) in run("SELECT name FROM tenants_project WHERE NOT is_deleted")]


@pytest.mark.parametrize("name", ["project-list", "project-detail", "document-file"])
def test_nothing_is_wrong_where_nothing_is_planted(faults_of, name):
    assert not faults_of(name, "foreigner")


def in_the_body(view, *args, **kwargs):
    return Response({"results": every_name()})


def in_a_header(view, *args, **kwargs):
    return Response({}, headers={"X-Seen": " ".join(every_name())})


def in_a_redirect(view, *args, **kwargs):
    return HttpResponseRedirect(f"/?{'+'.join(every_name())}")


def in_a_stream(view, *args, **kwargs):
    return StreamingHttpResponse(iter(every_name()))


def in_the_log(view, *args, **kwargs):
    logging.getLogger("planted").info("%s", every_name())
    return Response({})


LEAKS = [in_the_body, in_a_header, in_a_redirect, in_a_stream, in_the_log]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
@pytest.mark.parametrize("actor", ["viewer", "foreigner"])
def test_a_leak_is_noticed(faults_of, monkeypatch, leak, actor):
    monkeypatch.setattr(ProjectViewSet, "list", leak)
    other = "acme" if actor == "foreigner" else "globex"
    assert f"tells {other!r}" in faults_of("project-list", actor)


def refused_where_there_is_one(find, key):
    """As `find`, but for a refusal of what is there, whosever it is."""

    def found(self, *args):
        if run("SELECT 1 FROM tenants_project WHERE id = %s", [key(self, *args)]):
            raise PermissionDenied
        return find(self, *args)

    return found


def test_a_route_that_tells_by_its_status_what_is_there_is_noticed(faults_of, monkeypatch):
    find = refused_where_there_is_one(ProjectViewSet.get_object, lambda view: view.kwargs["pk"])
    monkeypatch.setattr(ProjectViewSet, "get_object", find)
    assert "status 403 / 404" in faults_of("project-detail", "foreigner")


def test_a_page_that_tells_by_its_status_what_is_there_is_noticed(faults_of, monkeypatch):
    find = refused_where_there_is_one(PROJECTS.get_object, lambda page, request, key, *_: key)
    monkeypatch.setattr(PROJECTS, "get_object", find)
    assert "status 403 / 302" in faults_of("admin:tenants_project_change", "foreigner")


def test_deleted_rows_that_are_shown_are_noticed(faults_of, monkeypatch):
    rows = Project.all_objects
    monkeypatch.setattr(ProjectViewSet, "get_queryset", lambda view: rows.all())
    assert "tells 'dodobird'" in faults_of("project-list", "owner")
    assert "differs from a row that is not there" in faults_of("project-detail", "owner")


def test_a_change_of_anothers_row_is_noticed(faults_of, monkeypatch, globex):
    def create(view, *args, **kwargs):
        own = view.request.user.organization_id
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL {SETTING} = '{globex.pk}'")
            cursor.execute("UPDATE tenants_project SET name = 'Taken'")
            cursor.execute(f"SET LOCAL {SETTING} = '{own}'")
        return Response({}, status=201)

    monkeypatch.setattr(ProjectViewSet, "create", create)
    changed = "changed tenants_auditentry, tenants_auditseal, tenants_project of globex"
    assert changed in faults_of("project-list", "manager")
    assert "Taken" not in every_name()


def test_what_is_committed_is_noticed(world):
    before = committed()
    # Its changes leave nothing in the audit trail, so that they can be taken back.
    run("UPDATE tenants_organizationusage SET users = users + 1")
    try:
        assert committed_changes(before) == ["tenants_organizationusage"]
    finally:
        run("UPDATE tenants_organizationusage SET users = users - 1")
    assert not committed_changes(before)


def test_a_permission_that_is_not_asked_for_is_noticed(faults_of, monkeypatch):
    monkeypatch.setattr(HoldsPermission, "has_permission", lambda *args: True)
    assert "where a refusal was expected" in faults_of("project-list", "viewer")


def test_a_permission_that_is_refused_to_those_who_hold_it_is_noticed(faults_of, monkeypatch):
    monkeypatch.setattr(HoldsPermission, "has_permission", lambda *args: False)
    assert "where an answer was expected" in faults_of("project-list", "viewer")


def test_a_fault_of_the_program_is_noticed(faults_of, monkeypatch):
    def file(view, *args, **kwargs):
        raise RuntimeError("planted")

    monkeypatch.setattr(DocumentViewSet, "file", file)
    assert "broke: RuntimeError" in faults_of("document-file", "viewer")


def test_guessing_letter_by_letter_is_noticed(world, monkeypatch):
    monkeypatch.setattr(UnloggedAdmin, "lookup_allowed", lambda *args: True)
    take_fingerprints(world)
    with log_collected() as log:
        asking = Asking(world, BY_NAME["foreigner"], SESSION, log)
        for probe in Surface(User, asking.actor, world).guesses():
            ask_probe(asking, probe)
    assert any("password__startswith" in fault for fault in asking.faults)


def test_content_that_platform_staff_are_shown_is_noticed(faults_of, monkeypatch):
    texts = [text for (text,) in run("SELECT content FROM agents_message")]
    monkeypatch.setattr(PROJECTS, "list_display", ["name", lambda row: " ".join(texts)])
    assert "tells 'goldfinch'" in faults_of("admin:tenants_project_changelist", "staff")


# What is not listed fails, and says what to add.


def test_a_route_that_is_not_listed_fails():
    with pytest.raises(AssertionError, match=r"not listed: say in .*ENTRIES\['new'\]"):
        asked(Pattern("new", "new/", None), "GET")


def test_a_method_that_is_not_listed_fails(monkeypatch):
    monkeypatch.setitem(bodies.ENTRIES, "project-detail", {"GET": Asked("viewer")})
    with pytest.raises(AssertionError, match=r"DELETE of .*not listed"):
        asked(PATTERNS["project-detail"], "DELETE")


def test_an_admin_that_is_not_listed_fails(monkeypatch):
    monkeypatch.delitem(pages.MODELS, "tenants.Project")
    with pytest.raises(AssertionError, match=r"admin of tenants\.Project is not listed"):
        asked(PATTERNS["admin:tenants_project_add"], "GET")


def test_an_id_of_which_nobody_knows_what_it_names_fails():
    with pytest.raises(AssertionError, match=r"what does 'thing_id' .* name"):
        labels(Pattern("new", "new/<uuid:thing_id>/", None))
