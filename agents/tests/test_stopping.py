"""Whoever stops an answer stops its model, too, whether that speaks or is silent."""

import asyncio
import time

import pytest

from agents.models import Message
from agents.providers.fake.script import Answer
from agents.providers.fake.testing import fake_server
from agents.runtime import notifications, stopping, turn
from agents.runtime.blocks import in_block, in_database_thread
from agents.runtime.events import TurnEnded
from agents.runtime.stopping import until_ended
from agents.services import post_message, stop_reply
from agents.testing import ask, kept_events, reread
from tenants import deletion

pytestmark = pytest.mark.django_db(transaction=True)

WITHIN_SECONDS = 1.0


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture(autouse=True)
def _patient(settings):
    settings.MODEL_FIRST_TOKEN_SECONDS = settings.MODEL_SILENCE_SECONDS = 30.0
    settings.OPENAI_API_KEY = "sk-any"


def stop(reply):
    stop_reply(reply=Message.objects.get(pk=reply.pk), by=reply.conversation.user)


async def until(condition):
    async with asyncio.timeout(20):
        while not await in_database_thread(condition):
            await asyncio.sleep(0.01)


async def run_and_stop(reply, when, how=stop):
    """Run the turn of a reply, stop it, and return how long it took to end then, in seconds."""
    running = asyncio.create_task(turn.run(reply.organization_id, reply.pk))
    await until(when)
    begun = time.monotonic()
    await in_block(reply.organization_id, how, reply)
    async with asyncio.timeout(20):
        await running
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (Answer(fault="hang_after_headers"), ""),
        (Answer(text="Thirty days", fault="hang_in_the_middle"), "Thir"),
        (Answer(text="and on " * 1000, delay=0.02), "and"),
    ],
    ids=["silent from the start", "silent by now", "speaking"],
)
def test_a_stopped_answer_lets_go_of_its_model_within_a_second(member, settings, answer, kept):
    with fake_server("openai", answer) as server:
        settings.OPENAI_BASE_URL = server.url
        reply = ask(member, model_name="gpt-4.1")
        begun = (lambda: len(kept_events(reply)) > 1) if kept else (lambda: server.received)

        async def stopped():
            seconds = await run_and_stop(reply, begun)
            await until(lambda: server.left)
            return seconds

        assert asyncio.run(stopped()) < WITHIN_SECONDS
        assert (len(server.received), server.left) == (1, 1)
    reply = reread(reply)
    assert (reply.status, reply.finish_reason) == ("stopped", "stopped")
    assert reply.content.startswith(kept)
    told = [kind for _, kind, _ in kept_events(reply)]
    assert (told[0], told[-1], told.count("message.stopped")) == (
        "message.started",
        "message.stopped",
        1,
    )


def test_what_is_deleted_lets_go_of_its_model_as_well(member, settings, monkeypatch):
    """Nobody announces that: it is found by looking."""
    monkeypatch.setattr(stopping, "LOOK_EVERY_SECONDS", 0.1)

    def delete(reply):
        deletion.delete(reply.conversation)

    with fake_server("openai", Answer(fault="hang_after_headers")) as server:
        settings.OPENAI_BASE_URL = server.url
        reply = ask(member, model_name="gpt-4.1")
        asyncio.run(run_and_stop(reply, lambda: server.received, delete))
    assert not notifications._listeners


def test_who_is_stopped_before_the_model_is_asked_asks_none(member, settings):
    with fake_server("openai", Answer()) as server:
        settings.OPENAI_BASE_URL = server.url
        reply = ask(member, model_name="gpt-4.1")
        asyncio.run(in_block(reply.organization_id, stop, reply))
        asyncio.run(turn.run(reply.organization_id, reply.pk))
        assert server.received == []
    assert reread(reply).status == "stopped"
    asyncio.run(in_block(reply.organization_id, ask_again, reply))


def ask_again(reply):
    return post_message(
        conversation=reply.conversation, content="Again", by=reply.conversation.user
    )


def test_a_turn_that_ends_by_itself_is_not_disturbed(member):
    reply = ask(member)

    async def body():
        async with until_ended(reply.organization_id, reply.pk):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return asyncio.current_task().cancelling()

    assert asyncio.run(body()) == 0


def test_a_worker_that_is_told_to_stop_is_not_taken_for_a_person(member):
    reply = ask(member)

    async def body():
        async with until_ended(reply.organization_id, reply.pk):
            await asyncio.Event().wait()

    async def cancelled():
        task = asyncio.create_task(body())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_an_end_that_nobody_announced_is_found_by_looking(member, monkeypatch):
    monkeypatch.setattr(notifications, "CHANNEL", "another_channel")
    monkeypatch.setattr(stopping, "FIRST_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(stopping, "LOOK_EVERY_SECONDS", 0.01)
    reply = ask(member)

    async def body():
        async with asyncio.timeout(20), until_ended(reply.organization_id, reply.pk):
            await in_block(reply.organization_id, stop, reply)
            await asyncio.Event().wait()

    with pytest.raises(TurnEnded):
        asyncio.run(body())
