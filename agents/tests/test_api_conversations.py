from uuid import uuid4

import pytest

from agents.baker_recipes import agent_recipe, message_recipe
from agents.models import AgentConfig, Conversation, Message
from agents.testing import make_agent, make_conversation, make_project
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.deletion import delete
from tenants.services import create_project

CONVERSATIONS = "/api/v1/conversations/"


@pytest.fixture
def member(people):
    return api_as(people["acme-member"])


@pytest.fixture
def conversation(people, acme):
    """A conversation of Acme's member."""
    with acting_for(acme):
        return make_conversation(people["acme-member"])


def messages_of(conversation):
    return f"{CONVERSATIONS}{conversation.pk}/messages/"


def test_a_conversation_is_started(member, people, acme):
    with acting_for(acme):
        agent = make_agent(by=people["acme-manager"])
        project = make_project(people["acme-member"])
    asked = {"agent": str(agent.pk), "project": str(project.pk)}
    answer = member.post(CONVERSATIONS, asked | {"user": str(uuid4()), "message_count": 9})
    assert answer.status_code == 201, answer.json()
    body = answer.json()
    assert body.items() >= (asked | {"title": "", "message_count": 0}).items()
    assert body["user"] == str(people["acme-member"].pk)
    assert member.get(f"{CONVERSATIONS}{body['id']}/").json() == body


def test_agents_and_projects_one_cannot_see_are_as_unknown_as_none(
    member, people, acme, globex, conversation
):
    with acting_for(globex):
        theirs = make_conversation(people["globex-member"])
    with acting_for(acme):
        closed = create_project(organization_id=acme.pk, name="Closed")
        draft = agent_recipe.make()
    good = {"agent": str(conversation.agent_id), "project": str(conversation.project_id)}
    for field, keys in (
        ("agent", (theirs.agent_id, draft.pk, uuid4())),
        ("project", (theirs.project_id, closed.pk, uuid4())),
    ):
        answers = [member.post(CONVERSATIONS, good | {field: str(key)}) for key in keys]
        assert fields_at_fault(answers[0]) == {field}
        assert len({answer.content for answer in answers}) == 1


def test_an_agent_of_one_project_is_not_had_in_another(member, people, acme):
    with acting_for(acme):
        projects = [make_project(people["acme-member"], name) for name in ("One", "Two")]
        agent = make_agent(by=people["acme-manager"], project=projects[0])
    answer = member.post(CONVERSATIONS, {"agent": agent.pk, "project": projects[1].pk})
    assert fields_at_fault(answer) == {"project"}


def test_an_unpublished_agent_is_not_had_by_those_who_see_it(people, acme):
    with acting_for(acme):
        agent = agent_recipe.make()
        project = make_project(people["acme-owner"])
    answer = api_as(people["acme-owner"]).post(
        CONVERSATIONS, {"agent": agent.pk, "project": project.pk}
    )
    assert fields_at_fault(answer) == {"agent"}


def test_conversations_are_their_owners_and_readable_by_those_with_the_permission(
    member, people, conversation
):
    path = f"{CONVERSATIONS}{conversation.pk}/"
    with acting_for(conversation.organization_id):
        message_recipe.make(conversation=conversation)
    manager, owner = api_as(people["acme-manager"]), api_as(people["acme-owner"])
    assert manager.get(CONVERSATIONS).json()["results"] == []
    problem(manager.get(path), 404)
    problem(manager.get(messages_of(conversation)), 404)
    problem(api_as(people["acme-viewer"]).get(CONVERSATIONS), 403)
    assert len(owner.get(CONVERSATIONS).json()["results"]) == 1
    assert len(owner.get(messages_of(conversation)).json()["results"]) == 1
    problem(owner.patch(path, {"title": "Mine"}), 403)
    problem(owner.delete(path), 403)
    problem(owner.post(messages_of(conversation), {"content": "Me too"}), 403)


def test_a_conversation_is_renamed_and_deleted(member, people, conversation):
    path = f"{CONVERSATIONS}{conversation.pk}/"
    renamed = member.patch(path, {"title": "Leave", "agent": str(uuid4()), "message_count": 7})
    assert (renamed.json()["title"], renamed.json()["message_count"]) == ("Leave", 0)
    assert renamed.json()["agent"] == str(conversation.agent_id)
    assert member.delete(path).status_code == 204
    problem(member.get(path), 404)


def test_messages_are_listed_oldest_first(member, conversation):
    with acting_for(conversation.organization_id):
        for number in range(3):
            message_recipe.make(conversation=conversation, content=str(number))
    first = member.get(messages_of(conversation), {"page_size": 2}).json()
    assert [message["content"] for message in first["results"]] == ["0", "1"]
    second = member.get(first["next"]).json()
    assert [message["content"] for message in second["results"]] == ["2"]
    one = second["results"][0]
    assert member.get(f"{messages_of(conversation)}{one['id']}/").json() == one
    assert one.keys() >= {"id", "role", "content", "status", "finish_reason", "tokens_used"}
    assert one["citations"] == []


@pytest.mark.parametrize(
    ("body", "at_fault"),
    [({}, "content"), ({"content": " "}, "content"), ({"content": "a\x00b"}, "content")],
)
def test_a_question_is_validated(member, conversation, body, at_fault):
    assert fields_at_fault(member.post(messages_of(conversation), body)) == {at_fault}


@pytest.mark.parametrize("key", ["x" * 101, "a\tb", "é"])
def test_an_idempotency_key_is_validated(member, conversation, key):
    answer = member.post(
        messages_of(conversation), {"content": "Hello"}, headers={"Idempotency-Key": key}
    )
    assert fields_at_fault(answer) == {"Idempotency-Key"}


def test_one_question_is_answered_at_a_time(member, conversation):
    with acting_for(conversation.organization_id):
        message_recipe.make(conversation=conversation, role="assistant", status="pending")
    answer = member.post(messages_of(conversation), {"content": "And?"})
    assert problem(answer, 409)["type"] == "urn:chancery:turn-in-progress"


def test_an_agent_that_was_switched_off_answers_no_more(member, conversation):
    with acting_for(conversation.organization_id):
        AgentConfig.objects.filter(pk=conversation.agent_id).update(is_active=False)
    answer = member.post(messages_of(conversation), {"content": "Hello"})
    assert problem(answer, 409)["type"] == "urn:chancery:agent-not-published"


def test_a_model_without_a_key_is_named_with_what_it_lacks(member, people, acme, settings):
    settings.GEMINI_API_KEY = ""
    with acting_for(acme):
        conversation = make_conversation(people["acme-member"], model_name="gemini-2.5-pro")
    body = problem(member.post(messages_of(conversation), {"content": "Hello"}), 503)
    assert body["setting"] == "GEMINI_API_KEY"
    assert "GEMINI_API_KEY" in body["detail"]
    with acting_for(acme):
        assert not Message.all_objects.exists()


def test_another_organizations_a_deleted_and_no_conversation_are_answered_alike(
    member, people, conversation, globex
):
    with acting_for(globex):
        foreign = make_conversation(people["globex-member"])
        foreign_message = message_recipe.make(conversation=foreign)
    with acting_for(conversation.organization_id):
        deleted = Conversation.objects.create(
            agent_id=conversation.agent_id,
            project_id=conversation.project_id,
            user=people["acme-member"],
        )
        delete(deleted)
    for method, rest in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "messages/"),
        ("POST", "messages/"),
        ("GET", f"messages/{foreign_message.pk}/"),
    ):
        bodies = [
            problem(
                member.generic(method, f"{CONVERSATIONS}{key}/{rest}", "{bad", "application/json"),
                404,
            )
            for key in (foreign.pk, deleted.pk, uuid4(), "not-an-id")
        ]
        assert all(body == bodies[0] for body in bodies)
    for key in (foreign_message.pk, uuid4(), "not-an-id"):
        problem(member.get(f"{messages_of(conversation)}{key}/"), 404)
        problem(member.get(f"{messages_of(conversation)}{key}/events/"), 404)


def test_the_length_of_a_list_costs_no_queries(
    member, conversation, people, django_assert_max_num_queries
):
    with acting_for(conversation.organization_id):
        for _ in range(10):
            message_recipe.make(conversation=conversation)
            Conversation.objects.create(
                agent_id=conversation.agent_id,
                project_id=conversation.project_id,
                user=people["acme-member"],
            )
    with django_assert_max_num_queries(9):
        assert len(member.get(CONVERSATIONS).json()["results"]) == 11
    with django_assert_max_num_queries(10):
        assert len(member.get(messages_of(conversation)).json()["results"]) == 10
