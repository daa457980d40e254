"""Asking in branches, asking again, stopping: what becomes of a conversation around its turns."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from agents.models import Conversation, Message
from agents.runtime import events
from agents.services import (
    IdempotencyConflict,
    TurnInProgress,
    post_message,
    publish_agent,
    regenerate_reply,
    stop_reply,
)
from agents.testing import make_conversation
from agents.titles import LONGEST, title_of
from tenants.context import acting_for
from tenants.deletion import Gone, delete
from tenants.tests.racing import race


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture
def acting(acme):
    with acting_for(acme):
        yield


@pytest.fixture
def conversation(acting, member):
    return make_conversation(member)


@pytest.fixture
def ask(conversation, member):
    """Ask, and have it answered."""

    def ask(content, **options):
        reply = post_message(conversation=conversation, content=content, by=member, **options)
        return answered(reply)

    return ask


def answered(reply):
    return events.end(reply.pk, "completed", "stop")


def branch(reply):
    """The contents of the questions that lead to a reply, oldest first."""
    asked = []
    while reply:
        asked.insert(0, reply.reply_to.content)
        reply = reply.reply_to.reply_to
    return asked


def test_a_question_follows_the_newest_reply(ask):
    first = ask("One")
    second = ask("Two")
    assert first.reply_to.reply_to is None
    assert second.reply_to.reply_to == first
    assert branch(ask("Three")) == ["One", "Two", "Three"]


def test_a_question_that_is_asked_otherwise_begins_a_branch(ask, conversation):
    first = ask("One")
    ask("Two")
    assert branch(ask("Or two", reply_to=first)) == ["One", "Or two"]
    assert branch(ask("And three")) == ["One", "Or two", "And three"]
    assert branch(ask("Anew", reply_to=None)) == ["Anew"]
    assert conversation.message_count == Message.objects.count() == 10


def test_what_has_just_been_deleted_is_not_followed(ask):
    first = ask("One")
    delete(first)
    with pytest.raises(Gone) as refusal:
        ask("Two", reply_to=first)
    assert refusal.value.field == "reply_to"


def test_a_reply_is_asked_for_again_beside_the_first(ask, conversation, member):
    first = ask("One")
    publish_agent(agent=conversation.agent, by=member)
    second = answered(regenerate_reply(reply=first, by=member))
    assert (second.reply_to, second.role) == (first.reply_to, "assistant")
    assert (first.agent_version.number, second.agent_version.number) == (1, 2)
    assert Conversation.objects.get().message_count == Message.objects.count() == 3
    assert branch(ask("Two")) == ["One", "Two"]
    assert Message.objects.get(content="Two").reply_to == second


def test_a_reply_is_not_asked_for_again_while_one_is_pending(ask, conversation, member):
    first = ask("One")
    pending = regenerate_reply(reply=first, by=member)
    for again in (first, pending):
        with pytest.raises(TurnInProgress):
            regenerate_reply(reply=again, by=member)
    with pytest.raises(TurnInProgress):
        post_message(conversation=conversation, content="Two", by=member)
    stop_reply(reply=pending, by=member)
    assert regenerate_reply(reply=pending, by=member).reply_to == first.reply_to


def test_a_key_asks_for_one_thing_alone(ask, conversation, member):
    first = ask("One", idempotency_key="k1")
    second = regenerate_reply(reply=first, by=member, idempotency_key="k2")
    assert regenerate_reply(reply=first, by=member, idempotency_key="k2") == second
    answered(second)
    asked = {"conversation": conversation, "by": member}
    assert post_message(**asked, content="One", idempotency_key="k1") == first
    assert post_message(**asked, content="One", reply_to=None, idempotency_key="k1") == first
    for conflict in (
        lambda: post_message(**asked, content="One", reply_to=first, idempotency_key="k1"),
        lambda: post_message(**asked, content="One", idempotency_key="k2"),
        lambda: regenerate_reply(reply=first, by=member, idempotency_key="k1"),
    ):
        with pytest.raises(IdempotencyConflict):
            conflict()
    assert Message.objects.count() == 3


@pytest.mark.parametrize("racers", [6, pytest.param(64, marks=pytest.mark.long)])
@pytest.mark.django_db(transaction=True)
def test_of_many_who_begin_a_turn_at_once_one_does(acme, member, racers):
    with acting_for(acme):
        conversation = make_conversation(member)
        first = answered(post_message(conversation=conversation, content="One", by=member))

    def post():
        with acting_for(acme):
            fresh = Conversation.objects.get(pk=conversation.pk)
            return post_message(conversation=fresh, content="Two", by=member)

    def regenerate():
        with acting_for(acme):
            return regenerate_reply(reply=Message.objects.get(pk=first.pk), by=member)

    found = race(*[post, regenerate] * (racers // 2))
    names = sorted(type(result).__name__ for result in found)
    assert names == ["Message"] + ["TurnInProgress"] * (racers - 1)
    with acting_for(acme):
        assert Message.objects.filter(status="pending").count() == 1
        assert Conversation.objects.get().message_count == Message.objects.count()
    assert ProcrastinateJob.objects.filter(task_name="agents.tasks.run_turn").count() == 2


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How many\n days?", "How many days?"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("word " * 15 + "and, then more", "word " * 15 + "and…"),
        ("word " * 15 + "then more", "word " * 15 + "then…"),
        ("word " * 15 + "thens more", "word " * 14 + "word…"),
    ],
)
def test_a_title_is_the_question_cut_after_a_word(question, title):
    assert title_of(question) == title
    assert len(title) <= LONGEST
