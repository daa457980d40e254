"""Agents that are granted: seen, used and changed by those who could not otherwise."""

import pytest

from agents.models import AgentConfig, AgentVersion, Conversation
from agents.services import post_message, start_conversation
from agents.testing import answer, make_agent
from knowledge.testing import read_document
from tenants import sharing
from tenants.admin.testing import page, signed_in
from tenants.api.testing import api_as, problem
from tenants.context import acting_for
from tenants.models import Role, User
from tenants.services import add_member, create_project

AGENTS, CONVERSATIONS = "/api/v1/agents/", "/api/v1/conversations/"


@pytest.fixture
def closed(acme):
    with acting_for(acme):
        return create_project(organization_id=acme.pk, name="Closed")


@pytest.fixture
def mine(acme, people):
    """A project of the member and the viewer."""
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Mine")
        for name in ("acme-member", "acme-viewer"):
            add_member(project=project, user=people[name])
        return project


@pytest.fixture
def agent(acme, people, closed):
    """One of a project that nobody has joined."""
    with acting_for(acme):
        return make_agent(by=people["acme-owner"], project=closed, model_name="extractive")


def give(agent, action, to):
    with acting_for(agent.organization_id):
        return sharing.give(row=agent, action=action, to=to)[0]


def built_in(name):
    return Role.objects.get(name=name, organization=None)


def asked_of(agent, project):
    return {"agent": str(agent.pk), "project": str(project.pk)}


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_an_agent_that_is_granted_to_use_answers_in_ones_own_project(
    acme, people, agent, mine, role
):
    person = people[f"acme-{role}"]
    client, asked = api_as(person), asked_of(agent, mine)
    assert client.post(CONVERSATIONS, asked).status_code in (400, 403)
    granted = give(agent, "use", person)
    assert client.get(f"{AGENTS}{agent.pk}/").status_code == 200
    assert str(agent.pk) in client.get(AGENTS).content.decode()
    made = client.post(CONVERSATIONS, asked)
    assert made.status_code == 201, made.content
    with acting_for(acme):
        conversation = Conversation.objects.get(pk=made.json()["id"])
        post_message(conversation=conversation, content="How many?", by=person)
        granted.delete()
    refused = client.post(f"{CONVERSATIONS}{conversation.pk}/messages/", {"content": "Again?"})
    assert refused.status_code in (403, 409)
    assert client.post(CONVERSATIONS, asked).status_code in (400, 403)


@pytest.mark.django_db(transaction=True)
def test_an_answer_draws_on_what_is_granted_to_who_asks(acme, people, mine, closed):
    owner, viewer = people["acme-owner"], people["acme-viewer"]
    document = read_document(
        "# Zeppelins\n\nThe zeppelin leaves the hangar at seven in the morning.\n",
        by=owner,
        project=closed,
    )

    def told():
        with acting_for(acme):
            conversation = start_conversation(agent=agent, project=mine, by=viewer)
            question = "When does the zeppelin leave the hangar?"
            reply = post_message(conversation=conversation, content=question, by=viewer)
        return [citation["document"] for citation in answer(reply).citations]

    with acting_for(acme):
        agent = make_agent(by=owner, project=closed, model_name="extractive")
        sharing.give(row=agent, action="use", to=built_in("Viewer"))
    assert told() == []
    with acting_for(acme):
        granted, _ = sharing.give(row=document, action="view", to=viewer)
    assert set(told()) == {str(document.pk)}
    with acting_for(acme):
        granted.delete()
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_a_question_that_waits_is_not_answered_once_the_grant_is_gone(acme, people, agent, mine):
    viewer = people["acme-viewer"]
    granted = give(agent, "use", viewer)
    with acting_for(acme):
        conversation = start_conversation(agent=agent, project=mine, by=viewer)
        reply = post_message(conversation=conversation, content="How many?", by=viewer)
        granted.delete()
    assert answer(reply).finish_reason == "not_permitted"


def test_to_view_is_not_to_use(acme, people, agent, mine):
    member = people["acme-member"]
    give(agent, "view", member)
    client = api_as(member)
    assert client.get(f"{AGENTS}{agent.pk}/").status_code == 200
    problem(client.post(CONVERSATIONS, asked_of(agent, mine)), 400)
    give(agent, "use", member)
    assert client.post(CONVERSATIONS, asked_of(agent, mine)).status_code == 201


def test_who_may_change_an_agent_gives_nobody_a_use_that_they_lack(acme, people, agent, mine):
    member = people["acme-member"]
    give(agent, "change", member)
    client, path = api_as(member), f"{AGENTS}{agent.pk}/grants/"
    for user in (member, people["acme-viewer"]):
        problem(client.post(path, {"user": str(user.pk), "action": "use"}), 403)
    problem(client.post(CONVERSATIONS, asked_of(agent, mine)), 400)
    owner = api_as(people["acme-owner"])
    assert owner.post(path, {"user": str(member.pk), "action": "use"}).status_code == 201
    assert client.post(CONVERSATIONS, asked_of(agent, mine)).status_code == 201
    viewer = {"user": str(people["acme-viewer"].pk), "action": "use"}
    assert client.post(path, viewer).status_code == 201


def test_how_an_agent_is_told_to_act_is_shown_to_who_may_change_it(acme, people, agent):
    member = people["acme-member"]
    with acting_for(acme):
        other = make_agent(by=people["acme-owner"])
    give(agent, "view", member)
    client, path = api_as(member), f"{AGENTS}{agent.pk}/"
    assert "system_prompt" not in client.get(path).json()
    give(agent, "change", member)
    assert "system_prompt" in client.get(path).json()
    listed = {entry["id"]: entry for entry in client.get(AGENTS).json()["results"]}
    assert "system_prompt" in listed[str(agent.pk)]
    assert "system_prompt" not in listed[str(other.pk)]
    assert client.patch(path, {"system_prompt": "Be brief."}).status_code == 200
    problem(client.patch(f"{AGENTS}{other.pk}/", {"system_prompt": "Be brief."}), 403)


def test_a_draft_is_seen_by_who_was_granted_to_change_it_alone(acme, people, agent):
    member, viewer = people["acme-member"], people["acme-viewer"]
    give(agent, "use", viewer)
    give(agent, "change", member)
    with acting_for(acme):
        agent.is_active = False
        agent.save()
        assert AgentConfig.objects.visible_to(member).contains(agent)
        assert not AgentConfig.objects.visible_to(viewer).contains(agent)
        assert not viewer.has_perm("agents.use_agentconfig", agent)
        assert member.has_perm("agents.change_agentconfig", agent)


def test_who_may_change_one_agent_publishes_it_in_the_admin_and_sees_no_others_versions(
    acme, people, agent
):
    member = people["acme-member"]
    with acting_for(acme):
        other = make_agent(by=people["acme-owner"], name="Other")
        User.objects.filter(pk=member.pk).update(is_staff=True)
    client = signed_in("acme-member")
    assert client.get(page(AgentVersion, "changelist")).status_code == 403
    give(agent, "change", member)
    listed = client.get(page(AgentConfig, "changelist")).content.decode()
    assert page(AgentConfig, "change", agent.pk) in listed
    versions = client.get(page(AgentVersion, "changelist")).content.decode()
    with acting_for(acme):
        assert str(agent.current_version().pk) in versions
        assert str(other.current_version().pk) not in versions
    chosen = {"action": "publish", "_selected_action": [agent.pk, other.pk]}
    client.post(page(AgentConfig, "changelist"), chosen)
    with acting_for(acme):
        assert (agent.versions.count(), other.versions.count()) == (2, 1)
