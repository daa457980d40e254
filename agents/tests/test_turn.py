import asyncio

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from agents import tasks
from agents.messages import message_data, reply_data
from agents.models import Message
from agents.providers import FAMILIES, Family
from agents.providers.protocol import CitationFound, Finished, TextDelta, Usage
from agents.runtime import events, turn
from agents.runtime.blocks import in_block, in_database_thread
from agents.runtime.events import Kind
from agents.services import post_message, stop_reply
from agents.testing import answer, ask, kept_events, reread
from tenants import deletion
from tenants.context import acting_for
from tenants.models import User
from tenants.services import remove_member

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


async def says_twelve(request):
    yield TextDelta("Twelve ")
    yield TextDelta("days.")
    yield Usage(input_tokens=30, output_tokens=4)
    yield Finished("stop")


def kinds(reply):
    return [kind for _, kind, _ in kept_events(reply)]


def test_a_turn_from_question_to_reply(member, model):
    model(says_twelve)
    reply = answer(ask(member, model_name="scripted"))
    assert (reply.status, reply.finish_reason) == ("completed", "stop")
    assert (reply.content, reply.tokens_used, reply.citations) == ("Twelve days.", 34, [])
    assert kept_events(reply) == [
        (
            1,
            "message.started",
            {"id": str(reply.pk), "reply_to": str(reply.reply_to_id), "agent_version": 1},
        ),
        (2, "text.delta", {"text": "Twelve days."}),
        (3, "usage", {"input_tokens": 30, "output_tokens": 4, "cached_tokens": 0}),
        (4, "message.completed", message_data(reply)),
    ]


def test_a_worker_runs_the_job_and_forgets_it(member, model):
    model(says_twelve)
    reply = ask(member, model_name="scripted")
    with app.replace_connector(app.connector.get_worker_connector()) as worker:
        worker.run_worker(queues=["turns"], wait=False, install_signal_handlers=False)
    assert reread(reply).status == "completed"
    assert not ProcrastinateJob.objects.filter(task_name="agents.tasks.run_turn").exists()


def test_a_job_that_runs_twice_answers_once(member, model):
    model(says_twelve)
    reply = answer(ask(member, model_name="scripted"))
    before = kept_events(reply)
    assert answer(reply).content == "Twelve days."
    assert kept_events(reply) == before


def test_a_reply_whose_worker_was_killed_is_interrupted_with_its_text(member, model):
    model(says_twelve)
    reply = ask(member, model_name="scripted")
    with acting_for(member.organization_id):
        assert events.start(reply.pk)
        events.append(reply.pk, [(Kind.TEXT, {"text": "Twel"})], after=1)
    reply = answer(reply)
    assert (reply.status, reply.finish_reason) == ("interrupted", "interrupted")
    assert (reply.content, reply.tokens_used) == ("Twel", None)
    assert kinds(reply) == ["message.started", "text.delta", "message.failed"]
    assert kept_events(reply)[-1][2] == reply_data(reply)
    assert "error" in reply_data(reply)
    with acting_for(member.organization_id):
        post_message(conversation=reply.conversation, content="Again", by=member)


def test_two_workers_with_one_reply_answer_it_once_at_most(member, model):
    """The second takes the first for dead; the first notices and adds nothing more."""

    async def taken_over(request):
        yield TextDelta("Twel")
        await turn.run(reply.organization_id, reply.pk)
        yield TextDelta("ve days.")

    model(taken_over)
    reply = ask(member, model_name="scripted")
    reply = answer(reply)
    assert reply.status == "interrupted"
    assert kinds(reply).count("message.failed") == 1
    assert "ve days." not in reply.content


def test_a_model_that_fails_leaves_a_failed_reply_and_no_secret(member, model, caplog):
    async def fails(request):
        yield TextDelta("Twel")
        raise RuntimeError("password=hunter2")

    model(fails)
    reply = answer(ask(member, model_name="scripted"))
    assert (reply.status, reply.finish_reason, reply.content) == ("failed", "error", "Twel")
    [*_, (_, kind, data)] = kept_events(reply)
    assert kind == "message.failed"
    assert data["error"].startswith("Something went wrong")
    assert "hunter2" not in str(kept_events(reply))
    assert "hunter2" in caplog.text


def test_a_reply_that_the_provider_says_failed_is_not_completed(member, model):
    async def fails(request):
        yield TextDelta("Twel")
        yield Finished("error")

    model(fails)
    reply = answer(ask(member, model_name="scripted"))
    assert (reply.status, reply.finish_reason, reply.content) == ("failed", "error", "Twel")


def test_a_quote_that_is_not_exact_fails_the_turn(member, model, caplog):
    class Passage:
        content = "Twelve days a year."

    async def misquotes(request):
        yield CitationFound(1, Passage(), "twelve days")

    model(misquotes)
    reply = answer(ask(member, model_name="scripted"))
    assert (reply.status, reply.citations) == ("failed", [])
    assert "does not quote" in caplog.text


def test_what_postgresql_cannot_hold_does_not_fail_a_turn(member, model):
    async def with_null(request):
        yield TextDelta("Twelve\x00 days.")

    model(with_null)
    reply = answer(ask(member, model_name="scripted"))
    assert (reply.status, reply.content) == ("completed", "Twelve days.")


def test_many_small_pieces_are_few_events(member, model):
    async def streams(request):
        for number in range(500):
            yield TextDelta(f"{number} ")
            await asyncio.sleep(0)

    model(streams)
    reply = answer(ask(member, model_name="scripted"))
    assert reply.content == "".join(f"{number} " for number in range(500))
    assert kinds(reply).count("text.delta") < 20


def test_a_worker_that_is_told_to_stop_leaves_an_interrupted_reply(member, model):
    begun, closed = asyncio.Event(), []

    async def thinks(request):
        try:
            yield TextDelta("Twel")
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def stopped(reply):
        running = asyncio.create_task(turn.run(reply.organization_id, reply.pk))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    model(thinks)
    reply = ask(member, model_name="scripted")
    asyncio.run(stopped(reply))
    assert reread(reply).status == "interrupted"
    assert kinds(reply)[-1] == "message.failed"
    assert closed == [True]


def test_a_stopped_answer_keeps_what_it_said_and_ends_the_model(member, model):
    closed = []

    async def goes_on(request):
        try:
            yield TextDelta("Twelve")
            while Kind.TEXT not in await in_database_thread(kinds, reply):
                await asyncio.sleep(0)
            await in_block(reply.organization_id, stop)
            while True:
                yield TextDelta(" and more")
                await asyncio.sleep(0.01)
        finally:
            closed.append(True)

    def stop():
        stop_reply(reply=reread(reply), by=member)

    model(goes_on)
    reply = ask(member, model_name="scripted")
    reply = answer(reply)
    assert (reply.status, reply.content) == ("stopped", "Twelve")
    assert kinds(reply)[-1] == "message.stopped"
    assert closed == [True]


def test_a_model_that_never_ends_is_given_up(member, model, monkeypatch):
    async def never_ends(request):
        yield TextDelta("Twel")
        await asyncio.Event().wait()

    model(never_ends)
    monkeypatch.setattr(turn, "LONGEST_TURN_SECONDS", 0.5)
    reply = answer(ask(member, model_name="scripted"))
    assert (reply.status, reply.finish_reason, reply.content) == ("failed", "timeout", "Twel")


def test_no_connection_is_held_while_a_model_thinks(member, model):
    seen = []

    def connections_beside_this():
        """But for the one on which the worker hears of what is stopped."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state IS NOT NULL"
                " AND query <> '' AND query NOT LIKE 'LISTEN%'"
            )
            return cursor.fetchone()[0]

    async def looks(request):
        seen.append(await in_database_thread(connections_beside_this))
        yield TextDelta("Twelve")

    model(looks)
    reply = ask(member, model_name="scripted")
    connection.close()
    assert answer(reply).status == "completed"
    assert seen == [0]


def test_another_organization_cannot_run_it(member, model, globex):
    model(says_twelve)
    reply = ask(member, model_name="scripted")
    asyncio.run(turn.run(globex.pk, reply.pk))
    assert reread(reply).status == "pending"
    assert answer(reply).status == "completed"


@pytest.mark.parametrize("lost", ["project", "account"])
def test_who_has_lost_their_rights_gets_no_answer(member, model, lost):
    model(says_twelve)
    reply = ask(member, model_name="scripted")
    with acting_for(member.organization_id):
        if lost == "project":
            remove_member(project=reply.conversation.project, user=member)
        else:
            User.objects.filter(pk=member.pk).update(is_active=False)
    reply = answer(reply)
    assert (reply.status, reply.finish_reason, reply.content) == ("failed", "not_permitted", "")


def test_a_model_that_is_gone_by_then(member, model, monkeypatch):
    model(says_twelve)
    reply = ask(member, model_name="scripted")
    monkeypatch.delitem(FAMILIES, "scripted")
    reply = answer(reply)
    assert (reply.status, reply.finish_reason) == ("failed", "model_unavailable")


def test_a_conversation_that_is_deleted_meanwhile_is_left_alone(member, model):
    model(says_twelve)
    reply = ask(member, model_name="scripted")
    with acting_for(member.organization_id):
        deletion.delete(reply.conversation)
    asyncio.run(turn.run(reply.organization_id, reply.pk))
    with acting_for(member.organization_id):
        assert Message.all_objects.get(pk=reply.pk).status == "pending"


def test_pending_replies_without_a_job_get_one(member, people, model):
    model(says_twelve)
    replies = [ask(person, model_name="scripted") for person in (member, people["globex-owner"])]
    assert tasks.queue_lost_turns(timestamp=0) == 0
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    assert tasks.queue_lost_turns(timestamp=0) == 2
    assert tasks.queue_lost_turns(timestamp=0) == 0
    queued = ProcrastinateJob.objects.filter(task_name="agents.tasks.run_turn")
    assert {job.args["reply_id"] for job in queued} == {str(reply.pk) for reply in replies}
