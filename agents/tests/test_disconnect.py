"""Clients that go away at any moment: the turn goes on to its end, and nothing is left behind."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from agents.models import Message
from agents.providers import FAMILIES, Family
from agents.providers.protocol import TextDelta
from agents.runtime import notifications, turn
from agents.runtime.blocks import in_database_thread
from agents.services import start_conversation
from agents.testing import kept_events, make_agent, make_project, reread, streamed
from common.asgi import get_application
from tenants.api.testing import token_of
from tenants.context import acting_for

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = b'{"content": "How many days?"}'
TEXT = ["Twelve ", "days ", "a year."]
JSON, STREAM = b"application/json", b"text/event-stream"


class Client:
    """A connection that asks, and closes when `leaves` says so of what has been sent to it."""

    def __init__(self, conversation, token, accept, leaves):
        self.conversation, self.leaves = conversation, leaves
        self.sent, self.gone = b"", asyncio.Event()
        self.requests = [{"type": "http.request", "body": QUESTION}]
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": f"/api/v1/conversations/{conversation.pk}/messages/",
            "query_string": b"",
            "headers": [
                (b"host", b"testserver"),
                (b"content-type", b"application/json"),
                (b"content-length", str(len(QUESTION)).encode()),
                (b"accept", accept),
                (b"authorization", f"Bearer {token}".encode()),
            ],
        }
        self.look()

    def look(self):
        if self.leaves(self.sent):
            self.gone.set()

    async def receive(self):
        if self.requests:
            return self.requests.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent += message.get("body", b"")
        self.look()


def never(sent):
    return False


# When the client goes: at once, once the answer begins, in the middle, after the last word, and
# while it waits for the whole.
POINTS = {
    "at once": (STREAM, lambda sent: True),
    "at the beginning": (STREAM, lambda sent: b"message.started" in sent),
    "in the middle": (STREAM, lambda sent: b"Twelve" in sent),
    "before the end": (STREAM, lambda sent: b"a year." in sent),
    "while it waits": (JSON, never),
}


@pytest.fixture
def conversations(people):
    member = people["acme-member"]

    def make(count):
        with acting_for(member.organization_id):
            agent, project = make_agent(by=member, model_name="scripted"), make_project(member)
            options = {"agent": agent, "project": project, "by": member}
            return [start_conversation(**options) for _ in range(count)]

    return make


def replies_in(organization_id):
    with acting_for(organization_id):
        return list(Message.objects.filter(role="assistant").order_by("pk"))


@pytest.mark.parametrize(
    ("point", "count"),
    [
        ("in the middle", 4),
        ("while it waits", 4),
        *(pytest.param(point, 100, marks=pytest.mark.long) for point in POINTS),
    ],
)
def test_a_client_that_goes_away_changes_no_answer(
    people, conversations, monkeypatch, point, count
):
    member, (accept, leaves) = people["acme-member"], POINTS[point]
    token = token_of(member)

    async def speaks(request):
        for word in TEXT:
            yield TextDelta(word)
            await asyncio.sleep(0)

    monkeypatch.setitem(FAMILIES, "scripted", Family(("scripted",), provider=speaks))
    made = conversations(count)

    async def ask_and_run():
        application = get_application()
        clients = [Client(made_one, token, accept, leaves) for made_one in made]
        asking = [
            asyncio.create_task(application(client.scope, client.receive, client.send))
            for client in clients
        ]
        async with asyncio.timeout(20 + count):
            running = set()
            while len(running) < count and not all(task.done() for task in asking):
                for reply in await in_database_thread(replies_in, member.organization_id):
                    running.add(reply.pk)
                await asyncio.sleep(0.01)
            if point == "while it waits":
                for client in clients:
                    client.gone.set()
            replies = await in_database_thread(replies_in, member.organization_id)
            await asyncio.gather(*(turn.run(r.organization_id, r.pk) for r in replies))
            await asyncio.gather(*asking, return_exceptions=True)
        await sync_to_async(connections.close_all)()
        left = [waiter for one in notifications._listeners.values() for waiter in one.waiters]
        return clients, left

    clients, left = asyncio.run(ask_and_run())
    assert left == []
    replies = [reread(reply) for reply in replies_in(member.organization_id)]
    assert len(replies) == count or point == "at once", clients[0].sent
    for reply in replies:
        assert (reply.status, reply.content) == ("completed", "".join(TEXT))
        assert streamed(reply) == kept_events(reply)
    with acting_for(member.organization_id):
        assert Message.objects.count() == 2 * len(replies)
    if accept == JSON:
        assert [client.sent for client in clients] == [b""] * count
