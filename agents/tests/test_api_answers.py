"""What a client gets for a question: the whole reply, its stream, or a page."""

import asyncio
import json

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connection, connections
from django.http import StreamingHttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client
from rest_framework.request import Request

from agents.api.answers import streamed
from agents.api.views import messages
from agents.models import Message
from agents.runtime import turn
from agents.runtime.blocks import in_database_thread
from agents.services import post_message
from agents.testing import answer, make_conversation, parsed
from knowledge.testing import read_document
from tenants.api.testing import api_as, problem, token_of
from tenants.context import acting_for

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "How many days of vacation are there?"


@pytest.fixture
def conversation(people):
    """A conversation of Acme's member, whose organization has something to read."""
    read_document("Everybody has 25 days of vacation a year.\n", by=people["acme-manager"])
    with acting_for(people["acme-member"].organization_id):
        return make_conversation(people["acme-member"])


@pytest.fixture
def path(conversation):
    return f"/api/v1/conversations/{conversation.pk}/messages/"


@pytest.fixture
def bearer(people):
    return {"Authorization": f"Bearer {token_of(people['acme-member'])}"}


def pending_reply(organization_id):
    with acting_for(organization_id):
        return Message.objects.get(status=Message.Status.PENDING)


async def asked(path, headers):
    """Ask over ASGI; what the view's thread connected is closed, as a server does."""
    response = await AsyncClient().post(
        path, {"content": QUESTION}, content_type="application/json", headers=headers
    )
    await sync_to_async(connections.close_all)()
    return response


def answer_over_asgi(path, organization_id, headers):
    """Ask, and run the turn while the answer waits. Return (response, body)."""

    async def ask_and_run():
        response = await asked(path, headers)
        reply = await in_database_thread(pending_reply, organization_id)
        await turn.run(organization_id, reply.pk)
        if settle := getattr(response, "settle", None):
            await settle()
        return response, b"".join([part async for part in response])

    return asyncio.run(ask_and_run())


def answered(conversation, by, key):
    """A question that was asked with this key, and answered."""
    with acting_for(conversation.organization_id):
        reply = post_message(
            conversation=conversation, content=QUESTION, by=by, idempotency_key=key
        )
    return answer(reply)


def test_the_reply_comes_as_json_when_it_is_finished(conversation, path, bearer):
    response, body = answer_over_asgi(path, conversation.organization_id, bearer)
    assert (response.status_code, response["Content-Type"]) == (201, "application/json")
    reply = json.loads(body)
    assert (reply["role"], reply["status"]) == ("assistant", "completed")
    assert "25 days" in reply["content"]
    (citation,) = reply["citations"]
    assert citation.keys() == {"number", "document", "filename", "chunk", "page", "quote"}


def test_the_reply_is_streamed_to_who_asks_for_events(conversation, path, bearer):
    headers = bearer | {"Accept": "text/event-stream"}
    response, body = answer_over_asgi(path, conversation.organization_id, headers)
    assert (response.status_code, response["Content-Type"]) == (201, "text/event-stream")
    assert response["X-Accel-Buffering"] == "no"
    assert "no-store" in response["Cache-Control"]
    kinds = [kind for _, kind, _ in parsed(body)]
    assert (kinds[0], kinds[-1]) == ("message.started", "message.completed")
    assert "text.delta" in kinds


@pytest.mark.parametrize("accepted", ["application/json", "text/html"])
def test_a_reply_that_goes_while_somebody_waits_is_not_found(path, people, monkeypatch, accepted):
    async def gone(organization_id, reply_id, sign_in):
        return
        yield

    monkeypatch.setattr(messages, "reply_json", gone)
    client = api_as(people["acme-member"])
    answer = client.post(path, {"content": QUESTION}, headers={"Accept": accepted})
    assert answer.status_code == 404
    assert "There is nothing here that you can see." in answer.content.decode()
    if accepted == "application/json":
        problem(answer, 404)


def test_nothing_is_held_while_an_answer_waits(conversation, path, bearer):
    response = asyncio.run(asked(path, bearer))
    assert isinstance(response, StreamingHttpResponse)
    assert not response.getvalue()
    assert not connection.in_atomic_block
    assert pending_reply(conversation.organization_id)  # committed before it is streamed


def test_the_thread_of_the_view_is_given_back_while_an_answer_waits():
    kept = SyncToAsync.context_to_thread_executor

    async def parts():
        yield b"first"

    async def serve_a_request():
        async with ThreadSensitiveContext() as context:
            await sync_to_async(lambda: None)()  # a view
            assert context in kept
            request = Request(AsyncRequestFactory().get("/"))
            response = streamed(request, parts(), status=200, content_type="text/plain")
            return [(part, context in kept) async for part in response]

    assert asyncio.run(serve_a_request()) == [(b"first", False)]


def test_a_refusal_is_a_problem_for_who_asks_for_events_too(conversation, path, bearer):
    headers = bearer | {"Accept": "text/event-stream", "Idempotency-Key": "x" * 101}
    response = asyncio.run(asked(path, headers))
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_the_same_key_asks_once(conversation, path, people):
    member = people["acme-member"]
    reply = answered(conversation, member, "k1")
    again = api_as(member).post(path, {"content": QUESTION}, headers={"Idempotency-Key": "k1"})
    assert again.status_code == 201
    assert again.json()["id"] == str(reply.pk)
    other = api_as(member).post(path, {"content": "Else"}, headers={"Idempotency-Key": "k1"})
    assert problem(other, 409)["type"] == "urn:chancery:idempotency-conflict"


def test_a_stream_is_resumed_after_the_last_event_that_was_seen(conversation, path, people):
    reply = answered(conversation, people["acme-member"], "k1")
    client = api_as(people["acme-member"])
    whole = parsed(client.get(f"{path}{reply.pk}/events/").content)
    sequences = [sequence for sequence, _, _ in whole]
    assert sequences == list(range(1, len(whole) + 1))
    rest = client.get(f"{path}{reply.pk}/events/", headers={"Last-Event-ID": "2"})
    assert rest["Content-Type"] == "text/event-stream"
    assert parsed(rest.content) == whole[2:]
    for wrong in ("x", "-1", "9" * 20):
        asked = client.get(f"{path}{reply.pk}/events/", headers={"Last-Event-ID": wrong})
        problem(asked, 400)


def test_a_question_has_no_events(conversation, path, people):
    reply = answered(conversation, people["acme-member"], "k1")
    problem(api_as(people["acme-member"]).get(f"{path}{reply.reply_to_id}/events/"), 404)


def test_a_browser_waits_for_the_page_with_the_reply(conversation, path, people):
    answered(conversation, people["acme-member"], "k1")
    client = Client()
    client.force_login(people["acme-member"], backend="tenants.backends.LoginBackend")
    headers = {"Accept": "text/html", "Idempotency-Key": "k1"}
    response = client.post(path, {"content": QUESTION}, headers=headers)
    assert response.status_code == 201
    assert response["Content-Type"].startswith("text/html")
    assert b"25 days" in response.content
