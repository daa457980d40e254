from uuid import uuid4

import pytest

from agents.baker_recipes import agent_recipe
from agents.models import AgentConfig
from agents.testing import make_agent, make_project
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.services import create_project

AGENTS = "/api/v1/agents/"
NEW = {
    "name": "Leave",
    "slug": "leave",
    "agent_type": "hr",
    "system_prompt": "Answer from the documents.",
    "model_name": "extractive",
}


@pytest.fixture
def manager(people):
    return api_as(people["acme-manager"])


@pytest.fixture
def member(people):
    return api_as(people["acme-member"])


def names(client):
    return {agent["name"] for agent in client.get(AGENTS).json()["results"]}


def test_an_agent_is_made_published_and_used(manager, member):
    made = manager.post(AGENTS, NEW)
    assert made.status_code == 201, made.json()
    body = made.json()
    assert (body["temperature"], body["max_tokens"], body["tools"]) == (0.7, 4096, [])
    assert (body["version"], body["project"], body["is_active"]) == (None, None, True)
    path = f"{AGENTS}{body['id']}/"
    problem(member.get(path), 404)
    published = manager.post(f"{path}publish/", {"note": "First"})
    assert published.status_code == 201
    assert (published.json()["number"], published.json()["note"]) == (1, "First")
    assert member.get(path).json()["version"] == 1


def test_what_has_been_published_never_changes(manager):
    path = f"{AGENTS}{manager.post(AGENTS, NEW).json()['id']}/"
    manager.post(f"{path}publish/")
    assert manager.patch(path, {"system_prompt": "Be brief."}).json()["version"] == 1
    manager.post(f"{path}publish/")
    second, first = manager.get(f"{path}versions/").json()["results"]
    assert (first["number"], first["system_prompt"]) == (1, NEW["system_prompt"])
    assert (second["number"], second["system_prompt"]) == (2, "Be brief.")
    assert manager.get(f"{path}versions/{first['id']}/").json() == first
    problem(manager.patch(f"{path}versions/{first['id']}/", {"note": "x"}), 405)


def test_members_see_the_published_agents_they_can_use(manager, member, people, acme):
    with acting_for(acme):
        by = people["acme-manager"]
        make_agent(by=by, name="For all")
        make_agent(by=by, name="For us", project=make_project(people["acme-member"]))
        other = create_project(organization_id=acme.pk, name="Closed")
        make_agent(by=by, name="For others", project=other)
        make_agent(by=by, name="Switched off", is_active=False)
        agent_recipe.make(name="Draft")
    assert names(member) == {"For all", "For us"}
    assert names(manager) == {"For all", "For us", "For others", "Switched off", "Draft"}
    assert names(api_as(people["globex-owner"])) == set()
    problem(api_as(people["acme-viewer"]).get(AGENTS), 403)


def test_how_an_agent_is_told_to_act_is_for_those_who_edit_it(manager, member, people, acme):
    with acting_for(acme):
        path = f"{AGENTS}{make_agent(by=people['acme-manager']).pk}/"
    assert "system_prompt" in manager.get(path).json()
    shown = member.get(path).json()
    assert not shown.keys() & {"system_prompt", "tools", "metadata", "temperature"}
    problem(member.get(f"{path}versions/"), 403)


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"name": ""}, "name"),
        ({"slug": "two words"}, "slug"),
        ({"agent_type": "poet"}, "agent_type"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tools": {}}, "tools"),
        ({"tools": [{}]}, "tools.0"),
        ({"metadata": []}, "metadata"),
        ({"project": str(uuid4())}, "project"),
        ({"system_prompt": "a\x00b"}, "system_prompt"),
        ({"tools": ["rm"]}, "tools"),
        ({"model_name": "nobody-knows"}, "model_name"),
        ({"fallback_model": "nobody-knows"}, "fallback_model"),
    ],
)
def test_an_agent_is_validated(manager, fields, at_fault):
    assert fields_at_fault(manager.post(AGENTS, NEW | fields)) == {at_fault}


def test_an_agent_of_another_day_is_still_renamed_and_switched_off(manager, acme):
    with acting_for(acme):
        path = f"{AGENTS}{agent_recipe.make(tools=['gone']).pk}/"
    assert manager.patch(path, {"name": "Old", "is_active": False}).status_code == 200
    assert fields_at_fault(manager.patch(path, {"temperature": 1})) == {"tools"}
    assert manager.patch(path, {"temperature": 1, "tools": []}).status_code == 200


def test_an_agent_begins_with_a_template(manager, member, settings):
    settings.GEMINI_API_KEY = ""
    templates = {t["agent_type"]: t for t in manager.get(f"{AGENTS}templates/").json()["results"]}
    assert len(templates) == 5
    new = {"name": "Figures", "slug": "figures", "template": "finance", "temperature": 0.5}
    made = manager.post(AGENTS, new).json()
    assert (made["agent_type"], made["temperature"]) == ("finance", 0.5)
    for field in ("system_prompt", "tools", "max_tokens"):
        assert made[field] == templates["finance"][field]
    (warning,) = made["warnings"]
    assert "GEMINI_API_KEY" in warning["detail"]
    changed = manager.patch(f"{AGENTS}{made['id']}/", {"model_name": "extractive"}).json()
    assert changed["warnings"] == []
    del new["template"]
    assert fields_at_fault(manager.post(AGENTS, new)) == {"agent_type", "system_prompt"}
    problem(member.get(f"{AGENTS}templates/"), 403)


def test_a_slug_is_taken_once_in_an_organization(manager, people):
    assert manager.post(AGENTS, NEW).status_code == 201
    assert fields_at_fault(manager.post(AGENTS, NEW)) == {"slug"}
    assert api_as(people["globex-manager"]).post(AGENTS, NEW).status_code == 201


def test_members_edit_no_agents(member, people, acme):
    with acting_for(acme):
        path = f"{AGENTS}{make_agent(by=people['acme-manager']).pk}/"
    problem(member.post(AGENTS, NEW), 403)
    problem(member.patch(path, {"name": "Mine"}), 403)
    problem(member.post(f"{path}publish/"), 403)
    problem(member.delete(path), 403)


def test_what_is_the_servers_cannot_be_written(manager, acme, globex):
    body = manager.post(AGENTS, NEW | {"id": str(uuid4()), "organization": str(globex.pk)}).json()
    with acting_for(acme):
        assert str(AgentConfig.objects.get().pk) == body["id"]


def test_another_organizations_a_deleted_and_no_agent_are_answered_alike(manager, acme, globex):
    with acting_for(globex):
        foreign = agent_recipe.make()
    with acting_for(acme):
        deleted = agent_recipe.make()
        delete(deleted)
    for method, rest in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "publish/"),
        ("GET", "versions/"),
    ):
        bodies = [
            problem(
                manager.generic(method, f"{AGENTS}{key}/{rest}", "{bad", "application/json"), 404
            )
            for key in (foreign.pk, deleted.pk, uuid4(), "not-an-id")
        ]
        assert all(body == bodies[0] for body in bodies)


def test_the_length_of_a_list_costs_no_queries(
    manager, member, people, acme, django_assert_max_num_queries
):
    with acting_for(acme):
        for _ in range(10):
            make_agent(by=people["acme-manager"])
    for client in (manager, member):
        with django_assert_max_num_queries(9):
            assert len(client.get(AGENTS).json()["results"]) == 10
