"""A turn ends whatever becomes of the database, of its job and of those who watch it."""

import asyncio

import pytest
from django.db import OperationalError, connection

from agents import tasks
from agents.models import TurnEvent
from agents.providers import FAMILIES, Family
from agents.providers.protocol import TextDelta
from agents.runtime import events, recovery, turn
from agents.runtime.blocks import in_database_thread
from agents.runtime.events import Kind
from agents.runtime.recovery import again_when_lost
from agents.services import post_message
from agents.testing import answer, ask, kept_events, reread
from tenants.context import acting_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture
def model(monkeypatch):
    """Let agents with the model `scripted` answer by a generator of the test."""

    def register(provider):
        monkeypatch.setitem(FAMILIES, "scripted", Family(("scripted",), provider=provider))

    return register


def end_all_connections():
    """As PostgreSQL's restart would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database() AND usename = current_user"
        )


async def says_twelve(request):
    yield TextDelta("Twelve days.")


def test_a_turn_whose_database_is_lost_in_the_middle_ends_and_the_next_one_works(
    member, model, monkeypatch
):
    appended = events.append

    def append(*args, **options):
        if TurnEvent.objects.count() > 1:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return appended(*args, **options)

    async def loses_it(request):
        yield TextDelta("Twelve")
        while Kind.TEXT not in await in_database_thread(kinds):
            await asyncio.sleep(0)
        await in_database_thread(end_all_connections)
        yield TextDelta(" days")
        await asyncio.Event().wait()

    def kinds():
        return [kind for _, kind, _ in kept_events(reply)]

    model(loses_it)
    monkeypatch.setattr(events, "append", append)
    reply = ask(member, model_name="scripted")
    connection.close()
    ended = answer(reply)
    assert (ended.status, ended.finish_reason, ended.content) == (
        "interrupted",
        "interrupted",
        "Twelve",
    )
    assert kinds()[-1] == "message.failed"
    monkeypatch.setattr(events, "append", appended)
    model(says_twelve)
    with acting_for(member.organization_id):
        following = post_message(conversation=reply.conversation, content="Again", by=member)
    assert answer(following).status == "completed"


def test_the_end_is_not_lost_while_the_database_is_away(member, model, monkeypatch):
    end, refusals = events.end, []

    def refused(*args):
        if len(refusals) < 3:
            refusals.append(args)
            raise OperationalError("the database system is starting up")
        return end(*args)

    monkeypatch.setattr(events, "end", refused)
    monkeypatch.setattr(recovery, "PAUSE_SECONDS", 0.0)
    model(says_twelve)
    reply = answer(ask(member, model_name="scripted"))
    assert (reply.status, reply.content, len(refusals)) == ("completed", "Twelve days.", 3)


def test_an_end_that_was_kept_though_the_connection_was_lost_is_no_error(
    member, model, monkeypatch
):
    end = events.end

    def lost_afterwards(*args):
        monkeypatch.setattr(events, "end", end)
        asyncio.run(in_a_block_of_its_own(*args))
        raise OperationalError("server closed the connection unexpectedly")

    async def in_a_block_of_its_own(*args):
        await in_database_thread(committed, *args)

    def committed(*args):
        with acting_for(member.organization_id):
            end(*args)

    monkeypatch.setattr(events, "end", lost_afterwards)
    monkeypatch.setattr(recovery, "PAUSE_SECONDS", 0.0)
    model(says_twelve)
    reply = answer(ask(member, model_name="scripted"))
    assert (reply.status, reply.content) == ("completed", "Twelve days.")
    assert [kind for _, kind, _ in kept_events(reply)].count("message.completed") == 1


def test_who_waits_in_vain_is_told_why(monkeypatch):
    monkeypatch.setattr(recovery, "PATIENCE_SECONDS", -1.0)

    async def away():
        raise OperationalError("gone")

    with pytest.raises(OperationalError, match="gone"):
        asyncio.run(again_when_lost(away))


def test_a_reply_that_nobody_ends_is_ended(member, people, monkeypatch):
    """Its job may be running, for all that the queue knows."""
    begun, waiting = ask(member), ask(people["globex-owner"])
    with acting_for(member.organization_id):
        events.start(begun.pk)
        events.append(begun.pk, [(Kind.TEXT, {"text": "Twel"})], after=1)
    assert tasks.end_overdue_turns(timestamp=0) == 0
    monkeypatch.setattr(turn, "LONGEST_TURN_SECONDS", -tasks.PATIENCE_SECONDS)
    monkeypatch.setattr(tasks, "OVERDUE_SECONDS", -1.0)
    assert tasks.end_overdue_turns(timestamp=0) == 1
    assert tasks.end_overdue_turns(timestamp=0) == 0
    ended = reread(begun)
    assert (ended.status, ended.content) == ("interrupted", "Twel")
    assert reread(waiting).status == "pending"  # it waits for a worker
