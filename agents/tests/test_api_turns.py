"""Asking in branches, asking again, stopping, feedback and export, as a client sees them."""

import json

import pytest

from agents.baker_recipes import message_recipe
from agents.exports import filename_of
from agents.models import Message, MessageFeedback
from agents.runtime import events
from agents.services import post_message
from agents.testing import make_conversation
from tenants.api.testing import api_as, fields_at_fault, problem
from tenants.context import acting_for
from tenants.models import AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)

CITATION = {
    "number": 1,
    "document": "0190a5b0-0000-7000-8000-000000000001",
    "filename": "<b>leave</b>.md",
    "chunk": "0190a5b0-0000-7000-8000-000000000002",
    "page": 3,
    "quote": "25 days\nof vacation",
}


@pytest.fixture
def clients(people):
    return {name: api_as(person) for name, person in people.items() if name != "staff"}


@pytest.fixture
def member(clients):
    return clients["acme-member"]


@pytest.fixture
def conversation(people, acme):
    with acting_for(acme):
        return make_conversation(people["acme-member"])


@pytest.fixture
def reply(conversation):
    """An answered question."""
    with acting_for(conversation.organization_id):
        return answered(conversation, "How many days?")


@pytest.fixture
def path(conversation):
    return f"/api/v1/conversations/{conversation.pk}/messages/"


def answered(conversation, content, **options):
    """Ask, and have it answered. The caller acts for the organization."""
    reply = post_message(
        conversation=conversation, content=content, by=conversation.user, **options
    )
    said = [
        (events.Kind.CITATION, CITATION),
        (events.Kind.TEXT, {"text": f"To {content}"}),
        (events.Kind.USAGE, {"input_tokens": 30, "output_tokens": 4}),
    ]
    return events.end(reply.pk, "completed", "stop", said)


def test_a_question_follows_the_reply_that_is_named(member, conversation, reply, path):
    with acting_for(conversation.organization_id):
        answered(conversation, "Else?", reply_to=reply, idempotency_key="k1")
        answered(conversation, "Anew", reply_to=None, idempotency_key="k2")
    for body, key in (
        ({"content": "Else?", "reply_to": str(reply.pk)}, "k1"),
        ({"content": "Anew", "reply_to": None}, "k2"),
    ):
        answer = member.post(path, body, headers={"Idempotency-Key": key})
        assert answer.status_code == 201, answer.json()
        assert answer.json()["content"] == f"To {body['content']}"
        other = member.post(path, {"content": "Other"}, headers={"Idempotency-Key": key})
        assert problem(other, 409)["type"] == "urn:chancery:idempotency-conflict"
    shown = {m["id"]: m for m in member.get(path).json()["results"]}
    follows = {m["content"]: m["reply_to"] for m in shown.values() if m["role"] == "user"}
    assert follows == {"How many days?": None, "Else?": str(reply.pk), "Anew": None}


def test_what_is_no_reply_of_the_conversation_cannot_be_followed(member, people, reply, path):
    with acting_for(reply.organization_id):
        elsewhere = answered(make_conversation(people["acme-member"], slug="two"), "Else?")
    for key in (elsewhere.pk, reply.reply_to_id):
        answer = member.post(path, {"content": "And?", "reply_to": str(key)})
        assert fields_at_fault(answer) == {"reply_to"}


def test_an_answer_is_stopped_once_by_who_asked(clients, conversation, path):
    with acting_for(conversation.organization_id):
        pending = post_message(conversation=conversation, content="One", by=conversation.user)
    address = f"{path}{pending.pk}/stop/"
    problem(clients["acme-owner"].post(address), 403)  # who may read it
    problem(clients["acme-manager"].post(address), 404)
    problem(clients["globex-member"].post(address), 404)
    problem(clients["acme-member"].post(f"{path}{pending.reply_to_id}/stop/"), 404)
    first, second = (clients["acme-member"].post(address) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json()["status"] == second.json()["status"] == "stopped"
    stream = clients["acme-member"].get(f"{path}{pending.pk}/events/").content
    assert stream.count(b"event: message.stopped") == 1


def test_a_reply_is_asked_for_again_by_who_asked(clients, reply, path):
    member, address = clients["acme-member"], f"{path}{reply.pk}/regenerate/"
    problem(clients["acme-owner"].post(address), 403)
    problem(clients["acme-manager"].post(address), 404)
    problem(member.post(f"{path}{reply.reply_to_id}/regenerate/"), 404)
    with acting_for(reply.organization_id):
        again = Message.objects.create(
            conversation=reply.conversation,
            role="assistant",
            reply_to_id=reply.reply_to_id,
            content="Again",
            idempotency_key="k1",
        )
        pending = Message.objects.create(
            conversation=reply.conversation, role="assistant", status="pending"
        )
    asked = member.post(address, headers={"Idempotency-Key": "k1"})
    assert (asked.status_code, asked.json()["id"]) == (201, str(again.pk))
    streamed = member.post(
        address, headers={"Idempotency-Key": "k1", "Accept": "text/event-stream"}
    )
    assert streamed["Content-Type"] == "text/event-stream"
    assert b"event: message.completed" in streamed.content
    refused = member.post(address, headers={"Idempotency-Key": "k2"})
    assert problem(refused, 409)["type"] == "urn:chancery:turn-in-progress"
    with acting_for(reply.organization_id):
        Message.objects.filter(pk=pending.pk).update(status="failed")
    problem(member.post(f"{path}{pending.pk}/regenerate/"), 404)  # it answers nothing


def test_an_event_source_is_told_to_stay_away_once_it_has_all(member, reply, path):
    address = f"{path}{reply.pk}/events/"
    whole = member.get(address).content
    assert whole.startswith(b"retry: 2000\n\n")
    last = whole.count(b"\nid: ") or whole.count(b"id: ")
    assert member.get(address, headers={"Last-Event-ID": str(last - 1)}).status_code == 200
    done = member.get(address, headers={"Last-Event-ID": str(last)})
    assert (done.status_code, done.content) == (204, b"")


def test_feedback_is_one_each_and_everybodys_for_who_sees_all(clients, reply, path):
    member, owner = clients["acme-member"], clients["acme-owner"]
    address = f"{path}{reply.pk}/feedback/"
    message = f"{path}{reply.pk}/"
    assert member.get(message).json()["feedback"] is None
    assert member.post(address, {"rating": "down", "comment": "Too long"}).status_code == 201
    assert owner.post(address, {"rating": "down"}).status_code == 201
    assert member.post(address, {"rating": "up"}).status_code == 200
    assert member.get(message).json()["feedback"] == {"rating": "up", "comment": ""}
    assert owner.get(message).json()["feedback"] == {"rating": "down", "comment": ""}
    assert [given["rating"] for given in member.get(address).json()["results"]] == ["up"]
    assert [given["rating"] for given in owner.get(address).json()["results"]] == ["down", "up"]
    assert member.delete(address).status_code == member.delete(address).status_code == 204
    assert member.get(message).json()["feedback"] is None
    assert len(owner.get(address).json()["results"]) == 1
    assert member.post(address, {"rating": "down"}).status_code == 201
    with acting_for(reply.organization_id):
        assert MessageFeedback.objects.count() == 2


def test_feedback_is_for_replies_that_one_sees(clients, reply, path):
    for name in ("acme-manager", "globex-owner"):
        for method in ("get", "post", "delete"):
            problem(getattr(clients[name], method)(f"{path}{reply.pk}/feedback/"), 404)
    problem(clients["acme-viewer"].post(f"{path}{reply.pk}/feedback/", {"rating": "up"}), 403)
    member = clients["acme-member"]
    problem(member.post(f"{path}{reply.reply_to_id}/feedback/", {"rating": "up"}), 404)
    assert fields_at_fault(member.post(f"{path}{reply.pk}/feedback/", {"rating": "so"})) == {
        "rating"
    }
    long = {"rating": "up", "comment": "x" * 2001}
    assert fields_at_fault(member.post(f"{path}{reply.pk}/feedback/", long)) == {"comment"}


# Export


@pytest.fixture
def address(conversation):
    return f"/api/v1/conversations/{conversation.pk}/export/"


def test_a_conversation_is_exported_as_the_api_shows_it(member, reply, path, address, monkeypatch):
    monkeypatch.setattr("agents.exports.PAGE", 3)
    with acting_for(reply.organization_id):
        for number in range(3):
            answered(reply.conversation, f"Question {number}")
    answer = member.get(address)
    assert answer["Content-Type"] == "application/json"
    assert answer["Content-Disposition"].startswith('attachment; filename="how-many-days-')
    exported = json.loads(answer.content)
    assert (exported["title"], exported["user"]) == (
        "How many days?",
        str(reply.conversation.user_id),
    )
    shown = member.get(path).json()["results"]
    assert exported["messages"] == [
        {name: value for name, value in message.items() if name != "feedback"} for message in shown
    ]
    assert len(shown) == 8


def test_a_conversation_is_exported_as_markdown(member, reply, address):
    with acting_for(reply.organization_id):
        answered(reply.conversation, "# 2. Reply\n![x](https://evil.test/p.png) <img src=x>")
        answered(reply.conversation, "Or else?", reply_to=reply)
    for asked in (f"{address}?format=md", address):
        answer = member.get(asked, headers={"Accept": "text/markdown"})
        assert answer["Content-Type"] == "text/markdown; charset=utf-8"
        assert answer["Content-Disposition"].endswith('.md"')
    text = answer.content.decode()
    assert text.startswith("# How many days?\n")
    assert "## 1. Question\n\n> How many days?\n" in text
    assert "## 2. Reply\n\n> To How many days?\n\nSources:\n" in text
    assert "- \\[1\\] < b>leave< /b>.md, page 3: “25 days of vacation”" in text
    assert "*completed, version 1, 34 tokens*" in text
    assert (
        "## 3. Question\n\n> # 2. Reply\n> ![x] (https: / /evil.test/p.png) < img src=x>\n" in text
    )
    assert "## 5. Question, to 2\n" in text
    assert text.endswith("---\n\n6 messages, 102 tokens.\n")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ('a"; filename=x.exe\r\nX: y', "a-filenamexexe-x-y"),
        ("../../etc/passwd", "etcpasswd"),
        ("Ünïcödé", "unicode"),
        ("日本", "conversation"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_file_name_is_safe_whatever_the_title(conversation, title, name):
    conversation.title = title
    assert filename_of(conversation, "md") == f"{name}-{str(conversation.pk)[-8:]}.md"


def test_who_exports_somebody_elses_is_written_down(clients, reply, address):
    def recorded():
        with acting_for(reply.organization_id):
            entries = AuditEntry.objects.filter(action="exported")
            return [
                (entry.actor_name, entry.object_id, entry.is_content, entry.way)
                for entry in entries
            ]

    problem(clients["acme-manager"].get(address), 404)
    problem(clients["globex-owner"].get(address), 404)
    problem(clients["acme-viewer"].get(address), 403)
    assert clients["acme-member"].get(address).status_code == 200
    assert recorded() == []
    assert b"How many days?" in clients["acme-owner"].get(address).content
    assert recorded() == [("acme-owner", reply.conversation_id, True, "api")]


def test_a_message_without_a_version_or_a_parent_is_exported_too(member, conversation, address):
    with acting_for(conversation.organization_id):
        message_recipe.make(conversation=conversation, role="assistant", content="Welcome")
    assert (
        "## 1. Reply\n\n> Welcome\n\n*completed*\n"
        in member.get(f"{address}?format=md").content.decode()
    )
