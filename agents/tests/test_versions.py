"""Versions: written once, compared, published again, and the draft that is tried."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import ProgrammingError, connection, transaction

from agents.models import AgentVersion, Conversation
from agents.publishing import changes, publish_again, publish_agent
from agents.services import post_message, start_conversation
from agents.testing import answer, make_agent, make_project, reread
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for

OLD = "You are brief.\nCite the page.\nSay when nothing answers.\n"
NEW = "You are brief.\nCite page and title.\nSay when nothing answers.\n"


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def twice(acme, owner):
    """An agent of two versions, whose draft has moved on."""
    with acting_for(acme):
        agent = make_agent(by=owner, system_prompt=OLD)
        agent.system_prompt, agent.tools = NEW, ["calculate"]
        agent.save()
        publish_agent(agent=agent, by=owner, note="Titles, too")
        agent.temperature = 0.1
        agent.save()
        return agent


def path_of(agent):
    return f"/api/v1/agents/{agent.pk}/"


def run(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def test_postgresql_refuses_to_change_or_remove_a_version(acme, twice):
    with acting_for(acme):
        pk = twice.current_version().pk
        for what in ("system_prompt = 'x'", "number = 7", "note = 'x'", "published_by_id = NULL"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                run(f"UPDATE agents_agentversion SET {what} WHERE id = %s", pk)
        with pytest.raises(ProgrammingError, match="permission denied"):
            run("DELETE FROM agents_agentversion WHERE id = %s", pk)
        assert run("UPDATE agents_agentversion SET updated_at = now() WHERE id = %s", pk) == 1


def test_two_versions_are_compared_setting_by_setting(acme, twice):
    with acting_for(acme):
        second, first = twice.versions.order_by("-number")
        prompt, tools = changes(first, second)
        assert (tools.field, tools.before, tools.after, tools.lines) == (
            "tools",
            [],
            ["calculate"],
            [],
        )
        assert prompt.lines == [
            "@@ -1,3 +1,3 @@",
            " You are brief.",
            "-Cite the page.",
            "+Cite page and title.",
            " Say when nothing answers.",
        ]
        assert [change.field for change in changes(second, twice)] == ["temperature"]
        assert changes(second, second) == []


def test_very_long_prompts_are_shown_one_after_the_other():
    old, new = (AgentVersion(system_prompt=f"same\n{end}\n" * 4_000) for end in ("old", "new"))
    (prompt,) = changes(old, new)
    assert len(prompt.lines) == 16_000
    assert prompt.lines[:2] == ["-same", "-old"]
    assert prompt.lines[-2:] == ["+same", "+new"]


def test_the_api_tells_the_difference(twice, owner):
    client, path = api_as(owner), f"{path_of(twice)}versions/diff/"
    told = client.get(path, {"from": 1, "to": 2}).json()
    assert (told["before"], told["after"]) == (1, 2)
    assert [change["field"] for change in told["changes"]] == ["system_prompt", "tools"]
    unpublished = client.get(path).json()
    assert (unpublished["before"], unpublished["after"]) == (2, None)
    assert unpublished["changes"] == [
        {"field": "temperature", "before": 0.7, "after": 0.1, "lines": []}
    ]
    assert client.get(path, {"from": "draft", "to": "draft"}).json()["changes"] == []
    problem(client.get(path, {"from": 3}), 404)
    for text in ("x", "-1", "1.0", "9" * 30):
        assert fields_at_fault(client.get(path, {"to": text})) == {"to"}


def test_an_old_version_is_published_again_and_the_draft_stays(acme, twice, owner):
    made = api_as(owner).post(f"{path_of(twice)}publish/", {"version": 1, "note": "Too long."})
    assert made.status_code == 201
    body = made.json()
    assert (body["number"], body["system_prompt"]) == (3, OLD)
    assert body["note"] == "Version 1 again. Too long."
    assert body["published_by"] == str(owner.pk)
    with acting_for(acme):
        twice.refresh_from_db()
        assert (twice.system_prompt, twice.temperature) == (NEW, 0.1)
        assert twice.current_version().number == 3
    assert fields_at_fault(api_as(owner).post(f"{path_of(twice)}publish/", {"version": 9})) == {
        "version"
    }


def test_a_version_of_a_tool_that_is_gone_is_not_published_again(acme, owner):
    with acting_for(acme):
        agent = make_agent(by=owner)
        values = {"system_prompt": "x", "model_name": "extractive", "agent_type": "doc"}
        old = AgentVersion.objects.create(agent=agent, number=2, tools=["gone"], **values)
    assert fields_at_fault(api_as(owner).post(f"{path_of(agent)}publish/", {"version": 2})) == {
        "tools"
    }
    with acting_for(acme):
        assert publish_again(agent=agent, version=agent.versions.get(number=1), by=owner)
        assert agent.current_version().number == old.number + 1


# Trying the draft


@pytest.mark.django_db(transaction=True)
def test_a_draft_is_tried_by_who_may_change_it_and_its_replies_name_what_ran(acme, twice, people):
    manager = people["acme-manager"]
    with acting_for(acme):
        project = make_project(manager)
    started = api_as(manager).post(
        "/api/v1/conversations/",
        {"agent": str(twice.pk), "project": str(project.pk), "draft": True},
    )
    assert (started.status_code, started.json()["draft"]) == (201, True)

    def reply():
        with acting_for(acme):
            conversation = Conversation.objects.get(pk=started.json()["id"])
            asked = post_message(conversation=conversation, content="Hello", by=manager)
        return answer(asked)

    first, second = reply(), reply()
    assert first.status == "completed"
    assert first.agent_version == second.agent_version
    with acting_for(acme):
        twice.system_prompt = "Something else."
        twice.save()
    third = reply()
    assert reread(first).agent_version.temperature == 0.1
    assert (third.agent_version.system_prompt, third.agent_version.number) == (
        "Something else.",
        None,
    )
    client, path = api_as(manager), path_of(twice)
    assert client.get(path).json()["version"] == 2
    assert [v["number"] for v in client.get(f"{path}versions/").json()["results"]] == [2, 1]
    messages = client.get(f"/api/v1/conversations/{started.json()['id']}/messages/").json()
    named = messages["results"][-1]
    assert named["agent_version"] is None
    shown = client.get(f"{path}versions/{named['agent_version_id']}/").json()
    assert shown["system_prompt"] == "Something else."


def test_a_draft_is_nobody_elses_to_try(acme, twice, people):
    manager, member = people["acme-manager"], people["acme-member"]
    with acting_for(acme):
        draft = {"project": make_project(member), "is_draft": True, "agent": twice}
        with pytest.raises(PermissionDenied):
            start_conversation(by=member, **draft)
        draft["project"] = make_project(manager, "Another")
        conversation = start_conversation(by=manager, **draft)
        assert conversation.may_be_continued_by(manager)
        manager.roles.set(member.roles.all(), through_defaults={})
        manager = type(manager).objects.get(pk=manager.pk)
        assert not conversation.may_be_continued_by(manager)
        with pytest.raises(PermissionDenied):
            post_message(conversation=conversation, content="Hello", by=manager)


def test_what_was_only_tried_publishes_nothing(acme, owner):
    with acting_for(acme):
        agent = make_agent(by=owner)
        agent.system_prompt = "Tried."
        agent.save()
        conversation = start_conversation(
            agent=agent, project=make_project(owner), by=owner, is_draft=True
        )
        post_message(conversation=conversation, content="Hello", by=owner)
        assert agent.versions.count() == 2
        assert agent.current_version().number == 1
        assert publish_agent(agent=agent, by=owner).number == 2
