"""What calls leave behind, however they end: over real HTTP, from whole turns."""

import asyncio
import random
from contextlib import aclosing, suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone

from agents import providers
from agents.accounting import calls
from agents.accounting.budgets import BudgetExceeded, Caller, state_of
from agents.accounting.calls import accounted
from agents.models import BudgetPeriod, OpenCall, UsageRecord
from agents.providers.fake.script import Answer
from agents.providers.fake.testing import fake_server
from agents.providers.protocol import Request, UserMessage
from agents.runtime import turn
from agents.services import post_message, start_conversation
from agents.testing import (
    answer,
    ask,
    kept_events,
    make_agent,
    make_project,
    reread,
)
from agents.tests.accounting.conftest import MODEL, make_budget
from tenants import deletion
from tenants.context import acting_for
from tenants.models import AccessToken

pytestmark = pytest.mark.django_db(transaction=True)

SAID = Answer(text="Thirty days of leave, as it stands in the handbook.")
TOLD = {"input": 30, "cached": 10, "output": 4}
SLOW = Answer(text=SAID.text, delay=0.2)
REQUEST = Request(
    question="How many?",
    passages=[],
    model_name=MODEL,
    system_prompt="Answer.",
    temperature=0.5,
    max_tokens=50,
    messages=[UserMessage("How many days?")],
)


@pytest.fixture(autouse=True)
def _impatient(settings):
    settings.MODEL_FIRST_TOKEN_SECONDS = 5.0
    settings.MODEL_SILENCE_SECONDS = 1.0
    settings.MODEL_RETRIES = 0


def lead_to(settings, protocol, server):
    setattr(settings, f"{protocol.upper()}_API_KEY", "sk-of-the-test-0815")
    setattr(settings, f"{protocol.upper()}_BASE_URL", server.url)


def records(organization):
    with acting_for(organization):
        assert not OpenCall.objects.exists()
        return list(UsageRecord.objects.order_by("id"))


def outcome_of(record):
    return record.outcome, record.reason, record.is_estimated


def test_a_turn_leaves_a_record_of_whose_it_was_and_what_it_cost(acme, member, settings):
    before = timezone.now()
    with fake_server("openai", SAID) as server:
        lead_to(settings, "openai", server)
        with acting_for(acme):
            lifetime = timedelta(hours=1)
            member.token_id = AccessToken.objects.issue(user=member, lifetime=lifetime)[0].pk
        reply = answer(ask(member, model_name=MODEL))
    (record,) = records(acme)
    assert server.told == [TOLD]
    assert kept_events(reply)[-2][1:] == (
        "usage",
        {"input_tokens": 30, "output_tokens": 4, "cached_tokens": 10},
    )
    with acting_for(acme):
        conversation = reply.conversation
    assert (record.user_id, record.project_id) == (member.pk, conversation.project_id)
    assert (record.agent_id, record.agent_version_id) == (
        conversation.agent_id,
        reply.agent_version_id,
    )
    assert (record.token_id, record.reply_id) == (member.token_id, reply.pk)
    assert (record.provider, record.model_name) == ("openai", MODEL)
    tokens = record.input_tokens, record.cached_tokens, record.output_tokens
    assert (tokens, record.cost, record.currency) == ((30, 10, 4), Decimal("0.000077"), "USD")
    assert outcome_of(record) == ("completed", "stop", False)
    assert 0 <= record.first_token_ms <= record.whole_ms
    assert before <= record.started_at <= timezone.now()
    with acting_for(acme):
        deletion.delete(conversation)
    assert records(acme) == [record]


def test_an_answer_without_a_language_model_costs_nothing(acme, member):
    with acting_for(acme):
        make_budget(0, unit="money")
        make_budget(0)
    answer(ask(member))
    (record,) = records(acme)
    assert (record.provider, record.cost, record.output_tokens) == ("extractive", 0, 0)


def test_the_model_that_failed_and_its_fallback_leave_a_record_each(acme, member, settings):
    with fake_server("openai", Answer(fault="500")) as broken, fake_server("gemini", SAID) as well:
        lead_to(settings, "openai", broken)
        lead_to(settings, "gemini", well)
        answer(ask(member, model_name=MODEL, fallback_model="gemini-2.5-pro"))
    failed, completed = records(acme)
    assert outcome_of(failed) == ("failed", "provider_overloaded", False)
    assert (failed.input_tokens, failed.cost) == (0, 0)
    assert outcome_of(completed) == ("completed", "stop", False)
    assert (completed.input_tokens, completed.cost) == (30, None)  # nobody knows its price


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("cut", ("failed", "provider_broken", True)),
        ("no_usage", ("completed", "stop", True)),
        ("401", ("failed", "provider_credentials", False)),
    ],
)
def test_what_a_provider_does_not_tell_is_estimated(acme, member, settings, fault, outcome):
    with fake_server("openai", Answer(text=SAID.text, fault=fault)) as server:
        lead_to(settings, "openai", server)
        answer(ask(member, model_name=MODEL))
    (record,) = records(acme)
    assert outcome_of(record) == outcome
    assert server.told == []
    assert (record.input_tokens > 0, record.output_tokens > 4) == (outcome[2], outcome[2])


def test_a_told_beginning_is_no_told_end(acme, member, settings):
    with fake_server("anthropic", Answer(text=SAID.text, fault="cut")) as server:
        lead_to(settings, "anthropic", server)
        answer(ask(member, model_name="claude-sonnet-4"))
    (record,) = records(acme)
    assert server.told == [TOLD | {"output": 1}]
    assert (record.input_tokens, record.cached_tokens, record.is_estimated) == (30, 10, True)
    assert record.output_tokens > 1


def provider_of(acme):
    with acting_for(acme):
        return accounted(providers.provider_of(MODEL), MODEL, Caller(acme.pk))


def test_what_is_closed_early_keeps_what_it_used(acme, settings):
    async def read_a_little():
        async with aclosing(provider(REQUEST)) as events:
            async for _ in events:
                return

    with fake_server("openai", SLOW) as server:
        lead_to(settings, "openai", server)
        provider = provider_of(acme)
        asyncio.run(read_a_little())
    (record,) = records(acme)
    assert outcome_of(record) == ("stopped", "", True)
    assert (record.input_tokens > 5, record.output_tokens > 0) == (True, True)


@pytest.mark.parametrize("wait", [0, 0.02, 0.5])
def test_who_is_cancelled_leaves_nothing_reserved(acme, settings, wait):
    async def cancel_after_a_while():
        async def read():
            return [event async for event in provider(REQUEST)]

        reading = asyncio.create_task(read())
        await asyncio.sleep(wait)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading

    with acting_for(acme):
        budget = make_budget(1_000)
    with fake_server("openai", SLOW) as server:
        lead_to(settings, "openai", server)
        provider = provider_of(acme)
        asyncio.run(cancel_after_a_while())
    found = records(acme)
    assert [record.outcome for record in found] in (["stopped"], [])
    assert found or not wait
    with acting_for(acme):
        used = state_of(budget, timezone.now()).used
        assert used == sum(r.input_tokens + r.output_tokens for r in found)
        assert not BudgetPeriod.objects.exclude(reserved=0).exists()


def test_a_call_that_no_longer_fits_fails_its_turn(acme, member, settings):
    with fake_server("openai", SAID) as server:
        lead_to(settings, "openai", server)
        reply = ask(member, model_name=MODEL)
        with acting_for(acme):
            budget = make_budget(4_100, user_id=member.pk)  # the reply's own 4,096, and no prompt
        reply = answer(reply)
    assert server.received == []
    assert records(acme) == []
    assert (reply.status, reply.finish_reason) == ("failed", "budget")
    (_, kind, data) = kept_events(reply)[-1]
    told = data["budget"]
    assert (kind, told["budget"], told["of"]) == ("message.failed", str(budget.pk), ["user"])
    assert (told["limit"], told["used"], told["unit"]) == ("4100", "0", "tokens")
    assert "budget" in data["error"]


def test_a_budget_that_is_nearly_used_is_told_in_the_stream(acme, member, settings):
    usage = {"input": 4_000, "cached": 0, "output": 200}
    with fake_server("openai", Answer(text="Yes.", usage=usage)) as server:
        lead_to(settings, "openai", server)
        with acting_for(acme):
            budget = make_budget(10_000)
        once, twice = (answer(ask(member, model_name=MODEL)) for _ in range(2))
    assert "budget.warning" not in [kind for _, kind, _ in kept_events(once)]
    (told,) = [data for _, kind, data in kept_events(twice) if kind == "budget.warning"]
    assert (told["budget"], told["used"], told["limit"]) == (str(budget.pk), "8400", "10000")
    assert kept_events(twice)[-1][1] == "message.completed"
    with pytest.raises(BudgetExceeded):
        ask(member, model_name=MODEL)


def test_a_call_ends_in_time(acme, settings, monkeypatch):
    monkeypatch.setattr(calls, "LONGEST_CALL_SECONDS", 0.5)

    async def read():
        return [event async for event in provider(REQUEST)]

    with fake_server("openai", SLOW) as server:
        lead_to(settings, "openai", server)
        provider = provider_of(acme)
        with pytest.raises(calls.TimedOut):
            asyncio.run(read())
    (record,) = records(acme)
    assert outcome_of(record) == ("failed", "provider_timeout", True)


FAULTS = [
    "",
    "",
    "",
    "429",
    "500",
    "cut",
    "missing_end",
    "no_usage",
    "double_finish",
    "cut_in_json",
]


@pytest.mark.parametrize("count", [12, pytest.param(200, marks=pytest.mark.long)])
def test_sums_are_the_providers_own_whatever_goes_wrong(acme, member, settings, count):
    chance = random.Random(count)
    script = [
        Answer(
            text="Thirty days. " * chance.randint(1, 5),
            fault=chance.choice(FAULTS),
            usage={
                "input": 500 + chance.randint(0, 9_000),
                "cached": chance.randint(0, 500),
                "output": chance.randint(100, 4_000),
            },
        )
        for _ in range(count * 2)
    ]
    settings.OPENAI_API_KEY = "sk-of-the-test-0815"
    with acting_for(acme):
        budget = make_budget(1_000_000_000)
        agent = make_agent(by=member, model_name=MODEL, fallback_model="gemini-2.5-pro")
        project = make_project(member)
        replies = [
            post_message(
                conversation=start_conversation(agent=agent, project=project, by=member),
                content="How many days?",
                by=member,
            )
            for _ in range(count)
        ]

    async def run_all():
        await asyncio.gather(*(turn.run(acme.pk, reply.pk) for reply in replies))

    with fake_server("openai", *script) as one, fake_server("gemini", *script[::-1]) as other:
        lead_to(settings, "openai", one)
        lead_to(settings, "gemini", other)
        settings.MODEL_RETRIES, settings.MODEL_RETRY_SECONDS = 2, 0.01
        settings.MODEL_FIRST_TOKEN_SECONDS = settings.MODEL_SILENCE_SECONDS = 60.0
        asyncio.run(run_all())
    connections.close_all()
    assert all(reread(reply).status in ("completed", "failed") for reply in replies)
    found = records(acme)
    assert len(found) >= count
    told = [*one.told, *other.told]
    counted = [record for record in found if not record.is_estimated]
    for name in ("input", "cached", "output"):
        assert sum(getattr(r, f"{name}_tokens") for r in counted) == sum(t[name] for t in told)
    with acting_for(acme):
        row = BudgetPeriod.objects.get(budget=budget)
    assert row.reserved == 0
    assert row.used == sum(r.input_tokens + r.output_tokens for r in found)
