"""Agents in the admin: drafts to edit and publish, versions to look at."""

import pytest

from agents.agent_templates import TEMPLATES
from agents.baker_recipes import agent_recipe
from agents.models import AgentConfig, AgentVersion
from agents.testing import make_agent, make_project
from common.ids import uuid7
from tenants.admin.testing import errors_of, filled, page, signed_in
from tenants.context import acting_for
from tenants.models import User

both_logins = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
NEW = {
    "name": "Helper",
    "slug": "helper",
    "agent_type": "doc",
    "system_prompt": "Be brief.",
    "model_name": "extractive",
    "temperature": "0.5",
    "max_tokens": "100",
    "tools": '["search_knowledge"]',
    "metadata": "",
    "is_active": "on",
}


def owner_of(organization):
    with acting_for(organization):
        return User.objects.get(username=f"{organization.slug}-owner")


def published(organization, **fields):
    with acting_for(organization):
        return make_agent(by=owner_of(organization), **fields)


def versions_of(agent):
    with acting_for(agent.organization_id):
        return list(AgentVersion.objects.filter(agent=agent).order_by("number"))


def let_in(username, organization):
    with acting_for(organization):
        User.objects.filter(username=username).update(is_staff=True)


@both_logins
@pytest.mark.parametrize("username", ["acme-owner", "staff"])
def test_the_pages_are_there(acme, username):
    agent, client = published(acme), signed_in(username)
    (version,) = versions_of(agent)
    for address in (
        page(AgentConfig, "changelist"),
        page(AgentConfig, "add"),
        page(AgentConfig, "change", agent.pk),
        page(AgentConfig, "delete", agent.pk),
        page(AgentVersion, "changelist"),
        page(AgentVersion, "change", version.pk),
    ):
        assert client.get(address).status_code == 200
    found = client.get(page(AgentConfig, "changelist"), {"q": agent.name}).content.decode()
    assert str(agent.pk) in found


def test_an_owner_drafts_an_agent(acme):
    answer = signed_in("acme-owner").post(page(AgentConfig, "add"), NEW)
    assert answer.url == page(AgentConfig, "changelist")
    with acting_for(acme):
        agent = AgentConfig.objects.get(slug="helper")
        assert (agent.organization_id, agent.tools, agent.metadata) == (
            acme.pk,
            ["search_knowledge"],
            {},
        )
        assert agent.current_version() is None


@both_logins
def test_platform_staff_draft_one_for_an_organization(globex):
    data = NEW | {"organization": str(globex.pk)}
    assert signed_in("staff").post(page(AgentConfig, "add"), data).status_code == 302
    with acting_for(globex):
        assert AgentConfig.objects.get(slug="helper").organization_id == globex.pk


@both_logins
def test_a_project_of_another_organization_is_an_error_of_the_form(acme, globex):
    with acting_for(globex):
        project = make_project(owner_of(globex))
    data = NEW | {"organization": str(acme.pk), "project": str(project.pk)}
    answer = signed_in("staff").post(page(AgentConfig, "add"), data)
    assert errors_of(answer) == {"project": ["This belongs to another organization."]}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tools", '{"a": 1}', 'Write a JSON list, such as ["one", "two"].'),
        ("tools", "[1]", 'Write a list of the names of tools, such as ["search_knowledge"].'),
        ("tools", "search", "Enter a valid JSON."),
        ("metadata", "[]", 'Write a JSON object, such as {"key": "value"}.'),
        ("metadata", '{"a": "\\u0000"}', "PostgreSQL has no character zero."),
        ("temperature", "3", "This must be a number from 0 to 2."),
        ("max_tokens", "0", "This must be a whole number above 0."),
    ],
)
def test_what_an_agent_cannot_be_is_an_error_of_the_form(acme, field, value, message):
    answer = signed_in("acme-owner").post(page(AgentConfig, "add"), NEW | {field: value})
    assert errors_of(answer) == {field: [message]}


def test_a_taken_slug_is_an_error_of_the_form_and_another_organizations_is_not(acme, globex):
    with acting_for(globex):
        agent_recipe.make(slug="helper")
    client = signed_in("acme-owner")
    assert client.post(page(AgentConfig, "add"), NEW).status_code == 302
    answer = client.post(page(AgentConfig, "add"), NEW)
    assert errors_of(answer) == {"slug": ["There is an agent of this slug already."]}


@both_logins
@pytest.mark.parametrize("username", ["acme-owner", "staff"])
def test_agents_are_published_from_the_list(acme, username):
    agent = published(acme)
    selected = {"action": "publish", "_selected_action": [agent.pk]}
    signed_in(username).post(page(AgentConfig, "changelist"), selected)
    _first, second = versions_of(agent)
    assert second.number == 2
    own = username == "acme-owner"
    assert second.published_by_id == (owner_of(acme).pk if own else None)


def test_a_draft_is_saved_and_published_at_once(acme):
    agent, client = published(acme), signed_in("acme-owner")
    address = page(AgentConfig, "change", agent.pk)
    button = {"agents_agentconfig_save_and_publish": "1", "system_prompt": "Be kind."}
    client.post(address, filled(client.get(address), **button))
    assert [version.system_prompt for version in versions_of(agent)][-1] == "Be kind."


def test_saving_alone_publishes_nothing(acme):
    agent, client = published(acme), signed_in("acme-owner")
    address = page(AgentConfig, "change", agent.pk)
    client.post(address, filled(client.get(address), system_prompt="Be kind."))
    assert len(versions_of(agent)) == 1


def test_who_only_uses_agents_sees_the_published_and_changes_none(acme):
    agent = published(acme)
    with acting_for(acme):
        draft = agent_recipe.make()
    let_in("acme-member", acme)
    client = signed_in("acme-member")
    shown = client.get(page(AgentConfig, "changelist")).content.decode()
    assert str(agent.pk) in shown
    assert str(draft.pk) not in shown
    assert client.get(page(AgentConfig, "change", agent.pk)).status_code == 200
    assert client.post(page(AgentConfig, "change", agent.pk), NEW).status_code == 403
    selected = {"action": "publish", "_selected_action": [agent.pk]}
    client.post(page(AgentConfig, "changelist"), selected)
    assert len(versions_of(agent)) == 1


def test_what_was_published_stays_as_it_was(acme):
    (version,) = versions_of(published(acme))
    client = signed_in("acme-owner")
    assert client.get(page(AgentVersion, "add")).status_code == 403
    for view in ("change", "delete"):
        answer = client.post(page(AgentVersion, view, version.pk), {"post": "yes"})
        assert answer.status_code == 403


@pytest.mark.parametrize("view", ["change", "delete"])
@pytest.mark.parametrize("model", [AgentConfig, AgentVersion])
def test_another_organizations_row_is_answered_like_none(acme, globex, model, view):
    agent = published(globex)
    theirs = agent if model is AgentConfig else versions_of(agent)[0]
    client = signed_in("acme-owner")
    assert str(theirs.pk) not in client.get(page(model, "changelist")).content.decode()
    found, missing = [client.get(page(model, view, pk)) for pk in (theirs.pk, uuid7())]
    assert found.status_code == missing.status_code
    assert found.headers.get("Location") == missing.headers.get("Location")


@both_logins
@pytest.mark.parametrize("username", ["acme-owner", "staff"])
def test_an_agent_is_removed_with_its_versions(acme, username):
    agent, client = published(acme), signed_in(username)
    assert "Agent versions: 1" in client.get(page(AgentConfig, "delete", agent.pk)).content.decode()
    client.post(page(AgentConfig, "delete", agent.pk), {"post": "yes"})
    assert str(agent.pk) not in client.get(page(AgentConfig, "changelist")).content.decode()
    assert versions_of(agent) == []


def test_fifty_agents_take_no_query_each(acme, django_assert_max_num_queries):
    with acting_for(acme):
        project = make_project(owner_of(acme))
        agents = [make_agent(by=owner_of(acme), project=project) for _ in range(50)]
    client = signed_in("acme-owner")
    for address in (
        page(AgentConfig, "changelist"),
        page(AgentVersion, "changelist"),
        page(AgentConfig, "change", agents[0].pk),
    ):
        with django_assert_max_num_queries(20):
            assert client.get(address).status_code == 200


# Templates and versions


def test_an_empty_prompt_of_a_new_agent_becomes_the_templates(acme):
    client = signed_in("acme-owner")
    new = NEW | {"agent_type": "hr", "system_prompt": "", "temperature": "0.7"}
    new |= {"tools": "[]", "max_tokens": "100"}
    assert client.post(page(AgentConfig, "add"), new).status_code == 302
    with acting_for(acme):
        agent = AgentConfig.objects.get(slug="helper")
    template = TEMPLATES["hr"]
    assert (agent.system_prompt, agent.tools) == (template.system_prompt, template.tools)
    assert (agent.temperature, agent.max_tokens) == (template.temperature, 100)
    address = page(AgentConfig, "change", agent.pk)
    emptied = filled(client.get(address), system_prompt="")
    assert errors_of(client.post(address, emptied)) == {
        "system_prompt": ["This field is required."]
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("tools", '["rm"]'), ("model_name", "nobody-knows"), ("fallback_model", "nobody-knows")],
)
def test_what_there_is_not_is_an_error_of_the_form(acme, field, value):
    answer = signed_in("acme-owner").post(page(AgentConfig, "add"), NEW | {field: value})
    assert errors_of(answer).keys() == {field}


@both_logins
@pytest.mark.parametrize("username", ["acme-owner", "staff"])
def test_what_has_changed_is_shown_published_and_taken_back(acme, username):
    agent, client = published(acme, system_prompt="Be brief.\nCite."), signed_in(username)
    with acting_for(acme):
        AgentConfig.objects.filter(pk=agent.pk).update(system_prompt="Be kind.\nCite.")
    address = page(AgentConfig, "versions", agent.pk)
    shown = client.get(address).content.decode()
    assert "-Be brief." in shown
    assert "+Be kind." in shown
    assert client.post(address, {"version": "", "note": "Kinder"}).status_code == 302
    assert "These two are alike." in client.get(address).content.decode()
    assert "+Be kind." in client.get(address, {"before": "1", "after": "2"}).content.decode()
    assert client.post(address, {"version": "1", "note": ""}).status_code == 302
    assert [(v.system_prompt[:9], v.note) for v in versions_of(agent)] == [
        ("Be brief.", ""),
        ("Be kind.\n", "Kinder"),
        ("Be brief.", "Version 1 again."),
    ]
    assert "Version 3" in client.get(address).content.decode()
    refused = client.post(address, {"version": "9", "note": ""})
    assert "Select a valid choice" in refused.content.decode()


def test_a_draft_that_no_agent_can_be_is_refused_wherever_it_is_published(acme):
    agent, client = published(acme), signed_in("acme-owner")
    with acting_for(acme):
        AgentConfig.objects.filter(pk=agent.pk).update(tools=["gone"])
    address = page(AgentConfig, "versions", agent.pk)
    assert "There is no tool gone." in client.post(address, {"version": ""}).content.decode()
    selected = {"action": "publish", "_selected_action": [agent.pk]}
    told = client.post(page(AgentConfig, "changelist"), selected, follow=True).content.decode()
    assert "There is no tool gone." in told
    assert "Nothing was published." in told
    assert len(versions_of(agent)) == 1


def test_versions_are_shown_to_those_who_may_change_the_agent(acme, globex):
    agent, theirs = published(acme), published(globex)
    let_in("acme-member", acme)
    address = page(AgentConfig, "versions", agent.pk)
    assert signed_in("acme-owner").get(address).status_code == 200
    for method in ("get", "post"):
        assert getattr(signed_in("acme-member"), method)(address).status_code == 403
        found = getattr(signed_in("acme-owner"), method)(
            page(AgentConfig, "versions", theirs.pk), {"version": ""}
        )
        assert found.status_code == 404
