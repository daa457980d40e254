"""Bringing back through the API what was deleted, for every route that can."""

from uuid import uuid4

import pytest

from agents.models import Budget, ModelProvider
from agents.testing import make_agent, make_conversation, make_project
from config.tests.test_api import ROUTES
from knowledge.baker_recipes import document as document_recipe
from tenants.api.testing import api_as, problem
from tenants.api.viewsets import RestoreMixin
from tenants.baker_recipes import role_recipe, user_recipe
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.models import Permission, Role
from tenants.services import create_user, set_permissions

# How to make a row of each route, as the owner of the organization acted for.
MADE = {
    "budgets": lambda owner: Budget.objects.create(unit="tokens", period="day", limit=7),
    "agents": lambda owner: make_agent(by=owner),
    "conversations": make_conversation,
    "documents": lambda owner: document_recipe.make(),
    "projects": make_project,
    "providers": lambda owner: ModelProvider.objects.create(name="Ours", kind="openai"),
    "roles": lambda owner: role_recipe.make(),
    "users": lambda owner: user_recipe.make(),
}
# Whom the built-in roles do not let restore.
MAY_NOT = {
    "budgets": ["manager", "member", "viewer"],
    "agents": ["member", "viewer"],
    "conversations": ["viewer"],
    "documents": ["member", "viewer"],
    "projects": ["member", "viewer"],
    "providers": ["manager", "member", "viewer"],
    "roles": ["manager", "member", "viewer"],
    "users": ["manager", "member", "viewer"],
}
every_route = pytest.mark.parametrize("route", MADE)


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def made(acme, owner, route):
    with acting_for(acme):
        return MADE[route](owner)


def path(route, row, verb=""):
    return f"/api/v1/{route}/{row.pk}/{verb}"


def test_all_that_can_be_deleted_softly_can_be_restored():
    routed = {
        found.split("/")[0].strip("^")
        for found, view in ROUTES
        if issubclass(view.cls, RestoreMixin) and found.endswith("restore/$")
    }
    assert routed == MADE.keys()


@every_route
def test_what_was_deleted_comes_back_as_it_was(owner, route, made):
    client = api_as(owner)
    before = client.get(path(route, made)).json()
    problem(client.post(path(route, made, "restore/")), 404)  # it is living
    assert client.delete(path(route, made)).status_code == 204
    problem(client.get(path(route, made)), 404)
    answer = client.post(path(route, made, "restore/"))
    assert answer.status_code == 200
    assert answer.json() == client.get(path(route, made)).json() == before
    problem(client.post(path(route, made, "restore/")), 404)


@every_route
def test_who_may_not_delete_may_not_restore(acme, people, owner, route, made):
    with acting_for(acme):
        delete(made)
    for role in MAY_NOT[route]:
        problem(api_as(people[f"acme-{role}"]).post(path(route, made, "restore/")), 403)
    assert api_as(owner).post(path(route, made, "restore/")).status_code == 200


@every_route
def test_another_organizations_row_is_as_unknown_as_none(acme, people, route, made):
    with acting_for(acme):
        delete(made)
    foreigner = api_as(people["globex-owner"])
    theirs = foreigner.post(path(route, made, "restore/"))
    nobodys = foreigner.post(f"/api/v1/{route}/{uuid4()}/restore/")
    assert theirs.content == nobodys.content
    problem(theirs, 404)


def test_somebody_elses_conversation_is_not_brought_back(acme, people, owner):
    with acting_for(acme):
        conversation = make_conversation(owner)
        delete(conversation)
    address = path("conversations", conversation, "restore/")
    problem(api_as(people["acme-member"]).post(address), 404)
    problem(api_as(people["acme-manager"]).post(address), 404)
    assert api_as(owner).post(address).status_code == 200


def conflict(owner, route, row):
    answer = api_as(owner).post(path(route, row, "restore/"))
    problem(answer, 409)
    assert answer.json()["type"] == "urn:chancery:restore-conflict"
    return answer.json()["detail"]


@pytest.mark.parametrize(
    ("route", "namesake"),
    [
        ("agents", lambda row: make_agent(by=row.by, slug=row.slug)),
        ("roles", lambda row: role_recipe.make(name=row.name)),
        ("users", lambda row: user_recipe.make(email=row.email)),
    ],
)
def test_what_another_has_taken_is_a_conflict_that_says_what_to_do(
    acme, owner, route, made, namesake
):
    with acting_for(acme):
        delete(made)
        made.by = owner
        other = namesake(made)
    assert "Rename or delete that one first" in conflict(owner, route, made)
    with acting_for(acme):
        delete(other)
    assert api_as(owner).post(path(route, made, "restore/")).status_code == 200


def test_what_belongs_to_a_deleted_row_says_what_to_restore_first(acme, owner):
    with acting_for(acme):
        conversation = make_conversation(owner)
        agent, project = conversation.agent, conversation.project
        document = document_recipe.make(project=project)
        delete(conversation)
        delete(agent)
        delete(document)
        delete(project)
    assert f"Restore {agent.name} first" in conflict(owner, "conversations", conversation) or (
        f"Restore {project.name} first" in conflict(owner, "conversations", conversation)
    )
    assert f"Restore {project.name} first" in conflict(owner, "documents", document)
    client = api_as(owner)
    for route, row in (
        ("projects", project),
        ("agents", agent),
        ("documents", document),
        ("conversations", conversation),
    ):
        assert client.post(path(route, row, "restore/")).status_code == 200


def test_what_there_is_no_room_for_stays_deleted(acme, owner):
    with acting_for(acme):
        project = make_project(owner)
        delete(project)
        for number in range(acme.max_projects):
            make_project(owner, f"Rocket {number}")
    answer = api_as(owner).post(path("projects", project, "restore/"))
    problem(answer, 409)
    assert answer.json()["quota"] == "projects"


def test_nobody_brings_back_a_role_or_a_person_with_more_rights_than_theirs(acme, people):
    with acting_for(acme):
        lesser = role_recipe.make(name="Lesser")
        names = [f"tenants.{verb}_{of}" for verb in ("view", "delete") for of in ("role", "user")]
        set_permissions(role=lesser, permissions=Permission.objects.filter(name__in=names))
        admin = create_user(
            organization=acme, username="lesser", email="lesser@acme.test", roles=[lesser]
        )
        role = role_recipe.make(name="Greater")
        set_permissions(role=role, permissions=Permission.objects.all())
        own = role_recipe.make(name="Like mine")
        set_permissions(role=own, permissions=Permission.objects.filter(name=names[0]))
        person = create_user(
            organization=acme,
            username="greater",
            email="greater@acme.test",
            roles=[Role.objects.get(name="Owner", organization=None)],
        )
        for row in (role, own, person):
            delete(row)
    client = api_as(admin)
    problem(client.post(path("roles", role, "restore/")), 403)
    problem(client.post(path("users", person, "restore/")), 403)
    assert client.post(path("roles", own, "restore/")).status_code == 200
    for route, row in (("roles", role), ("users", person)):
        assert api_as(people["acme-owner"]).post(path(route, row, "restore/")).status_code == 200
