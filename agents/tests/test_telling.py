"""What a model says reaches who watches before it is kept, and is neither lost nor doubled."""

import asyncio
import logging
from contextlib import aclosing

import pytest

from agents import streams
from agents.baker_recipes import message_recipe
from agents.providers.protocol import TextDelta, Usage
from agents.runtime import events, notifications, telling, turn
from agents.runtime.blocks import in_block
from agents.runtime.events import Kind
from agents.runtime.notifications import Waiter, text_line, texts_channel
from agents.runtime.telling import MOST_BYTES, Telling, _payloads
from agents.streams import reply_events
from agents.testing import ask, kept_events

LONG = 30  # seconds: longer than any wait of a test that works

with_database = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reply(people):
    return ask(people["acme-member"])


def run(coroutine):
    async def within_a_while():
        async with asyncio.timeout(LONG):
            return await coroutine

    return asyncio.run(within_a_while())


def frame(name, text):
    return f'id: {name}\nevent: text.delta\ndata: {{"text":"{text}"}}\n\n'.encode()


async def begun(reply, *, text="Twelve "):
    await in_block(reply.organization_id, events.start, reply.pk)
    await keep(reply, text, after=1)


async def keep(reply, text, *, after):
    def append():
        events.append(reply.pk, [(Kind.TEXT, {"text": text})], after=after)

    await in_block(reply.organization_id, append)


async def says(telling, *pieces):
    async def source():
        for piece in pieces:
            yield piece

    async with aclosing(telling.all_of(source())) as said:
        async for _ in said:
            pass


@with_database
def test_text_is_told_before_it_is_kept_and_then_no_more(reply, monkeypatch):
    monkeypatch.setattr(streams, "LOOK_EVERY_SECONDS", LONG)

    async def watch():
        await begun(reply)
        told = Telling(reply.pk)
        async with aclosing(reply_events(reply.organization_id, reply.pk, after=2)) as stream:
            await anext(stream)
            heard = asyncio.create_task(anext(stream))
            while asyncio.get_running_loop() not in notifications._listeners:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)  # until it listens
            told.begin(after=2)
            await says(told, TextDelta("day"))
            frames = [await heard]
            await says(told, TextDelta("s a"))
            frames.append(await anext(stream))
            await keep(reply, "days a year.", after=2)
            frames.append(await anext(stream))
        resumed = []
        for place in (4, 12):  # in the middle of what was told, and all of it told already
            await_end = reply_events(reply.organization_id, reply.pk, 2, None, place)
            async with aclosing(await_end) as stream:
                await anext(stream)
                if place == 12:
                    await in_block(reply.organization_id, events.end, reply.pk, "completed", "stop")
                resumed.append(await anext(stream))
        return frames, resumed

    frames, resumed = run(watch())
    assert frames == [frame("2.3", "day"), frame("2.6", "s a"), frame("3", " year.")]
    assert resumed[0] == frame("3", " a year.")
    assert b"event: message.completed" in resumed[1]


@with_database
def test_a_worker_that_stops_keeps_what_it_has_told(people, monkeypatch):
    from agents.providers import FAMILIES, Family

    monkeypatch.setattr(turn, "WRITE_EVERY_SECONDS", LONG)
    has_said = asyncio.Event()

    async def speaks(request):
        yield TextDelta("Twelve ")
        await asyncio.sleep(1)
        yield TextDelta("days")
        has_said.set()
        await asyncio.Event().wait()

    monkeypatch.setitem(FAMILIES, "scripted", Family(("scripted",), provider=speaks))
    reply = ask(people["acme-member"], model_name="scripted")

    async def stopped():
        task = asyncio.create_task(turn.run(reply.organization_id, reply.pk))
        await has_said.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(stopped())
    assert kept_events(reply)[-1][2]["content"] == "Twelve days"


def test_after_something_else_than_text_nothing_is_told_until_the_next_batch(monkeypatch):
    lines = []

    class Teller:
        def tell(self, reply_id, line):
            lines.append(line)

    monkeypatch.setattr(telling, "_teller", Teller)
    told = Telling(message_recipe.prepare(conversation=None).pk)

    async def say():
        await says(told, TextDelta("first"))
        told.begin(after=2)
        await says(told, TextDelta("a"), TextDelta("\x00b"), Usage(1, 1), TextDelta("c"))
        told.begin(after=4)
        await says(told, TextDelta("d"), TextDelta("x" * MOST_BYTES))

    run(say())
    assert [line.partition(",")[2] for line in lines] == ['2,"a"]', '2,"ab"]', '4,"d"]']


def test_lines_share_notifications_that_postgresql_takes():
    lines = ["é" * 1_000 for _ in range(9)]
    payloads = list(_payloads(lines))
    assert [payload.count("\n") for payload in payloads] == [2, 2, 2]
    assert max(len(payload.encode()) for payload in payloads) <= MOST_BYTES
    assert "\n".join(payloads).split("\n") == lines


def test_who_waits_for_the_end_hears_no_text_and_who_is_elsewhere_another():
    ends, watches = Waiter(ends_alone=True), Waiter()
    for waiter in (ends, watches):
        waiter.hear(3, "said")
    assert (ends.heard(), watches.heard()) == ("", "")
    watches.seen = 3
    assert watches.heard() == "said"


def test_the_channel_is_named_by_a_secret(settings):
    name = texts_channel()
    settings.SECRET_KEY = "another"
    assert texts_channel() != name
    assert text_line("id", 3, 'a\n"é') == '["id",3,"a\\n\\"é"]'


@with_database
def test_a_teller_that_loses_its_connection_begins_again(reply, caplog, monkeypatch):
    monkeypatch.setattr(telling, "PAUSE_SECONDS", 0.01)
    caplog.set_level(logging.WARNING)
    real, calls = telling.connection_parameters, []

    def parameters():
        calls.append(1)
        return real() | ({"host": "/nowhere"} if len(calls) == 1 else {})

    monkeypatch.setattr(telling, "connection_parameters", parameters)

    async def say():
        telling._teller().tell(reply.pk, text_line(reply.pk, 2, "a"))
        while len(calls) < 2 or telling._teller()._lines:
            await asyncio.sleep(0.01)

    run(say())
    assert "told when it is kept" in caplog.text
