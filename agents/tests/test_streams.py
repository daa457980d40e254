import asyncio
import json
import time
from contextlib import aclosing

import pytest
from django.db import connection
from django.http import StreamingHttpResponse

from agents import streams
from agents.baker_recipes import message_recipe
from agents.messages import message_data
from agents.models import Message
from agents.runtime import events, notifications
from agents.runtime.blocks import in_block, in_database_thread
from agents.runtime.events import Kind
from agents.streams import reply_events, reply_json
from agents.testing import (
    answer,
    ask,
    kept_events,
    make_conversation,
    parsed,
    read_to_end,
    reread,
    streamed,
)
from tenants.context import acting_for

pytestmark = pytest.mark.django_db(transaction=True)

OPENING = b"retry: 2000\n\n"
LONG = 60  # seconds: longer than any wait of a test that works


@pytest.fixture
def reply(people):
    """A pending reply."""
    return ask(people["acme-member"])


@pytest.fixture
def only_notified(monkeypatch):
    """Nothing is found by looking: what arrives was notified."""
    monkeypatch.setattr(streams, "LOOK_EVERY_SECONDS", LONG)


@pytest.fixture
def never_notified(monkeypatch):
    """Nothing is notified: what arrives was found by looking."""
    monkeypatch.setattr(notifications, "CHANNEL", "another_channel")
    monkeypatch.setattr(streams, "LOOK_EVERY_SECONDS", 0.05)


def run(coroutine):
    async def within_a_minute():
        async with asyncio.timeout(LONG / 2):
            return await coroutine

    return asyncio.run(within_a_minute())


async def tell(reply, text, after):
    await in_block(reply.organization_id, _tell, reply, text, after)


def _tell(reply, text, after):
    events.append(reply.pk, [(Kind.TEXT, {"text": text})], after=after)


async def finish(reply):
    await in_block(reply.organization_id, events.end, reply.pk, "completed", "stop")


async def say_and_finish(reply):
    await in_block(reply.organization_id, events.start, reply.pk)
    await tell(reply, "Twelve ", after=1)
    await tell(reply, "days.", after=2)
    await finish(reply)


def waiting(count):
    """Return when so many wait for a reply, and the connection listens."""

    async def wait():
        while not listening() or waiters() < count:
            await asyncio.sleep(0.01)

    def waiters():
        [listener] = notifications._listeners.values()
        return sum(len(waiters) for waiters in listener.waiters.values())

    def listening():
        return asyncio.get_running_loop() in notifications._listeners

    return wait()


def backends(condition):
    """The pids of connections to this database, beside the asking one, as (pid, query)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, query FROM pg_stat_activity WHERE datname = current_database()"
            f" AND pid <> pg_backend_pid() AND {condition}"
        )
        return cursor.fetchall()


def nobody_listens_within(seconds):
    """PostgreSQL ends a backend a moment after its client has gone."""
    deadline = time.monotonic() + seconds
    while backends("query LIKE 'LISTEN%'"):
        if time.monotonic() > deadline:
            return False
    return True


async def the_listening_backend():
    while not (found := await in_database_thread(backends, "query LIKE 'LISTEN%'")):
        await asyncio.sleep(0.01)
    [(pid, _)] = found
    return pid


# What has ended


def test_a_final_reply_is_streamed_at_once(reply):
    asyncio.run(say_and_finish(reply))
    assert streamed(reply) == kept_events(reply)
    assert [kind for _, kind, _ in streamed(reply)] == [
        "message.started",
        "text.delta",
        "text.delta",
        "message.completed",
    ]


def test_a_stream_resumes_with_the_identical_rest(reply):
    asyncio.run(say_and_finish(reply))
    opening, *frames = asyncio.run(read_to_end(reply_events(reply.organization_id, reply.pk)))
    assert opening == OPENING
    for after in range(len(frames)):
        rest = asyncio.run(read_to_end(reply_events(reply.organization_id, reply.pk, after)))
        assert rest == [opening, *frames[after:]]
    after = len(frames)
    assert asyncio.run(read_to_end(reply_events(reply.organization_id, reply.pk, after))) == []


def test_the_json_is_the_message_and_the_final_event(reply):
    asyncio.run(say_and_finish(reply))
    [body] = asyncio.run(read_to_end(reply_json(reply.organization_id, reply.pk)))
    final = kept_events(reply)[-1][2]
    assert json.loads(body) == final == message_data(reread(reply))
    assert final["content"] == "Twelve days."


def test_an_interrupted_reply_ends_its_stream(reply):
    with acting_for(reply.organization_id):
        events.start(reply.pk)
    assert answer(reply).status == "interrupted"
    [*_, (_, kind, data)] = streamed(reply)
    assert (kind, data["status"]) == ("message.failed", "interrupted")


def test_a_reply_without_events_is_streamed_as_one(people):
    member = people["acme-member"]
    with acting_for(member.organization_id):
        loaded = message_recipe.make(
            conversation=make_conversation(member), role=Message.Role.ASSISTANT, content="Welcome"
        )
    assert streamed(loaded) == [(1, "message.completed", message_data(reread(loaded)))]
    assert streamed(loaded, after=1) == []


def test_another_organizations_reply_is_nothing(reply, globex):
    asyncio.run(say_and_finish(reply))
    for stream in (reply_events, reply_json):
        assert asyncio.run(read_to_end(stream(globex.pk, reply.pk))) == []
        assert asyncio.run(read_to_end(stream(reply.organization_id, reply.pk))) != []


def test_a_question_is_no_reply(reply):
    for stream in (reply_events, reply_json):
        assert asyncio.run(read_to_end(stream(reply.organization_id, reply.reply_to_id))) == []


def test_a_stream_can_be_read_by_a_synchronous_server(reply):
    asyncio.run(say_and_finish(reply))
    response = StreamingHttpResponse(reply_events(reply.organization_id, reply.pk))
    with pytest.warns(Warning, match="must consume asynchronous iterators"):
        body = b"".join(response)
    assert parsed(body) == kept_events(reply)
    assert not notifications._listeners


# What is still coming


def test_events_arrive_as_they_are_notified(reply, only_notified):
    async def read():
        async with aclosing(reply_events(reply.organization_id, reply.pk)) as stream:
            assert await anext(stream) == OPENING
            first = asyncio.ensure_future(anext(stream))
            await waiting(1)
            await in_block(reply.organization_id, events.start, reply.pk)
            yield await first
            for after, word in enumerate(("Twelve ", "days."), start=1):
                await tell(reply, word, after)
                yield await anext(stream)
            await finish(reply)
            async for frame in stream:
                yield frame

    frames = run(read_to_end(read()))
    assert parsed(b"".join(frames)) == kept_events(reply)
    assert len(frames) == 4


def test_every_viewer_gets_every_event(reply, only_notified):
    async def watch():
        async with asyncio.TaskGroup() as group:
            viewers = [
                group.create_task(read_to_end(stream(reply.organization_id, reply.pk)))
                for stream in (reply_events, reply_events, reply_json)
            ]
            await waiting(3)
            await say_and_finish(reply)
        return [b"".join(viewer.result()) for viewer in viewers]

    first, second, body = run(watch())
    assert parsed(first) == kept_events(reply)
    assert parsed(second) == parsed(first)  # a slow one is told to wait now and then
    assert json.loads(body) == kept_events(reply)[-1][2]


def test_a_lost_notification_is_made_up_for_by_looking(reply, never_notified):
    async def watch():
        viewer = asyncio.create_task(read_to_end(reply_events(reply.organization_id, reply.pk)))
        await waiting(1)
        await say_and_finish(reply)
        return await viewer

    assert parsed(b"".join(run(watch()))) == kept_events(reply)


def test_a_quiet_stream_says_that_it_lives(reply, monkeypatch):
    monkeypatch.setattr(streams, "COMMENT_EVERY_SECONDS", 0.05)

    async def read():
        async with aclosing(reply_events(reply.organization_id, reply.pk)) as stream:
            assert await anext(stream) == OPENING
            return [await anext(stream), await anext(stream)]

    for line in run(read()):
        assert line.startswith(b": ")
        assert line.endswith(b"\n\n")


# What waiting costs


def test_twenty_who_wait_hold_one_connection_together(reply):
    async def watch():
        streams_ = [reply_events(reply.organization_id, reply.pk) for _ in range(20)]
        viewers = [asyncio.create_task(read_to_end(stream)) for stream in streams_]
        await waiting(20)
        await the_listening_backend()
        while len(held := await in_database_thread(backends, "usename IS NOT NULL")) > 1:
            await asyncio.sleep(0.01)  # a read that was under way
        await say_and_finish(reply)
        return held, await asyncio.gather(*viewers)

    connection.close()
    held, seen = run(watch())
    assert len(held) == 1
    assert {parsed(b"".join(frames))[-1][1] for frames in seen} == {"message.completed"}


def test_who_leaves_is_forgotten(reply):
    async def leave():
        stream = reply_events(reply.organization_id, reply.pk)
        assert await anext(stream) == OPENING
        reading = asyncio.create_task(anext(stream))
        await waiting(1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        [listener] = notifications._listeners.values()
        return dict(listener.waiters)

    assert run(leave()) == {}
    assert not notifications._listeners
    assert nobody_listens_within(30)


def test_who_closes_a_stream_between_two_events_is_forgotten(reply):
    async def leave():
        await in_block(reply.organization_id, events.start, reply.pk)
        async with aclosing(reply_events(reply.organization_id, reply.pk)) as stream:
            assert await anext(stream) == OPENING
            await anext(stream)
        [listener] = notifications._listeners.values()
        return dict(listener.waiters)

    assert run(leave()) == {}


def test_listening_begins_again_when_the_connection_is_lost(reply, only_notified, caplog):
    async def watch():
        viewer = asyncio.create_task(read_to_end(reply_events(reply.organization_id, reply.pk)))
        await waiting(1)
        lost = await the_listening_backend()
        await in_database_thread(terminate, lost)
        while await the_listening_backend() == lost:
            await asyncio.sleep(0.01)
        await say_and_finish(reply)
        return await viewer

    assert parsed(b"".join(run(watch()))) == kept_events(reply)
    assert "No news of turns" in caplog.text


def test_what_happens_while_nobody_listens_is_read_when_listening_again(reply, only_notified):
    """PostgreSQL keeps no notification for a connection that is lost."""

    async def watch():
        viewer = asyncio.create_task(read_to_end(reply_events(reply.organization_id, reply.pk)))
        await waiting(1)
        lost = await the_listening_backend()
        await in_database_thread(terminate, lost)
        await say_and_finish(reply)
        return await viewer

    assert parsed(b"".join(run(watch()))) == kept_events(reply)


def terminate(pid):
    """End a connection of the application as PostgreSQL's restart would."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
