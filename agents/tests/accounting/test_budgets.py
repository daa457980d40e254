"""What budgets let through, and that they count what the records say."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from agents import tasks
from agents.accounting.budgets import BudgetExceeded, PriceUnknown, state_of
from agents.models import AgentConfig, BudgetPeriod, OpenCall, UsageRecord
from agents.tests.accounting.conftest import MODEL, NOON, begin, end, make_budget
from tenants import deletion
from tenants.context import acting_for
from tenants.testing import as_owner
from tenants.tests.racing import race

in_test = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


def used(budget, at=NOON):
    with acting_for(budget.organization_id):
        return state_of(budget, at).used


def row_of(budget):
    with acting_for(budget.organization_id):
        return BudgetPeriod.objects.get(budget=budget)


@committed
@pytest.mark.parametrize(
    ("racers", "fitting"), [(16, 5), pytest.param(64, 23, marks=pytest.mark.long)]
)
def test_a_budget_for_so_many_calls_lets_so_many_through(caller, acme, racers, fitting):
    with acting_for(acme):
        tokens = make_budget(fitting * 100)
        # Two more rows to lock, in an order of their own.
        money = make_budget(1_000, unit="money", user_id=caller.user_id)
        make_budget(racers * 100, period="day", agent_id=caller.agent_id)
    outcomes = race(*[lambda: begin(caller)] * racers)
    calls = [found for found in outcomes if isinstance(found, OpenCall)]
    refused = [found for found in outcomes if isinstance(found, BudgetExceeded)]
    assert (len(calls), len(refused)) == (fitting, racers - fitting), outcomes
    assert row_of(tokens).reserved == fitting * 100
    ended = race(*[partial(end, call) for call in calls])
    assert not any(isinstance(found, Exception) for found in ended), ended
    row = row_of(tokens)
    assert (row.used, row.reserved) == (fitting * 34, 0)
    assert row_of(money).used == fitting * Decimal("0.000092")
    begin(caller)  # there is room again
    verified()


def verified(**options):
    said = io.StringIO()
    with as_owner():
        call_command("verify_usage", stdout=said, **options)
    return said.getvalue()


@in_test
@pytest.mark.parametrize("scope", [(), ("project",), ("agent",), ("user",), ("user", "agent")])
@pytest.mark.parametrize("period", ["day", "month"])
def test_a_budget_holds_for_what_it_names_and_for_nothing_else(caller, acme, scope, period):
    with acting_for(acme):
        named = {f"{name}_id": getattr(caller, f"{name}_id") for name in scope}
        budget = make_budget(100, period=period, **named)
    call = begin(caller)
    with pytest.raises(BudgetExceeded) as refusal:
        begin(caller)
    assert refusal.value.state.budget == budget
    for name in scope:
        assert begin(replace(caller, **{f"{name}_id": uuid4()}))
    assert begin(replace(caller, project_id=None)) if "project" in scope else True
    end(call)
    assert used(budget) == 34


@in_test
def test_money_is_counted_at_the_prices_of_the_call(caller, acme, settings):
    with acting_for(acme):
        budget = make_budget(Decimal("0.001"), unit="money")
    call = begin(caller)  # 60 tokens at 2 and 40 at 8 dollars a million
    assert row_of(budget).reserved == Decimal("0.00044")
    settings.MODEL_PRICES = {MODEL: settings.MODEL_PRICES[MODEL] | {"input": Decimal(2000)}}
    end(call, read=30, write=4, cached=10)
    with acting_for(acme):
        record = UsageRecord.objects.get()
    assert record.cost == Decimal("0.000077")  # 20 tokens at 2, 10 at 0.5, 4 at 8
    assert (record.input_price, record.cached_price) == (2, Decimal("0.5"))
    assert used(budget) == record.cost
    with pytest.raises(BudgetExceeded):
        begin(caller)


@in_test
def test_a_price_that_is_not_known_is_no_price_of_nothing(caller, acme, settings):
    end(begin(caller, model="gpt-9"))
    with acting_for(acme):
        record = UsageRecord.objects.get()
        assert (record.cost, record.input_price, record.output_tokens) == (None, None, 4)
        make_budget(10, unit="money")
    with pytest.raises(PriceUnknown):
        begin(caller, model="gpt-9")
    settings.MODEL_PRICES["gpt-8"] = settings.MODEL_PRICES[MODEL] | {"currency": "EUR"}
    with pytest.raises(PriceUnknown):
        begin(caller, model="gpt-8")
    assert begin(caller)
    assert begin(caller, model="extractive")  # whose price is known: nothing


@in_test
def test_a_budget_renews_at_midnight_utc(caller, acme):
    with acting_for(acme):
        day, month = make_budget(100, period="day"), make_budget(150)
    at = datetime(2026, 11, 29, 23, 59, 59, 999_999, tzinfo=UTC)
    end(begin(caller, at=at))
    with pytest.raises(BudgetExceeded) as refusal:
        begin(caller, at=at)
    assert refusal.value.state.renews_at == datetime(2026, 11, 30, tzinfo=UTC)
    end(begin(caller, at=at + timedelta(microseconds=1)))
    with pytest.raises(BudgetExceeded) as refusal:
        begin(caller, at=NOON)
    assert refusal.value.state.renews_at == datetime(2026, 12, 1, tzinfo=UTC)
    late = begin(caller, at=datetime(2026, 12, 1, tzinfo=UTC))
    end(late)
    assert (used(day, at), used(day), used(month)) == (34, 34, 68)


@in_test
def test_a_lower_limit_stops_growth_and_breaks_nothing(caller, acme):
    with acting_for(acme):
        budget = make_budget(1_000)
    running = begin(caller)
    end(begin(caller))
    budget.limit = 10
    with acting_for(acme):
        budget.save()
    with pytest.raises(BudgetExceeded):
        begin(caller)
    end(running)
    assert used(budget) == 68
    assert begin(caller, model="extractive")  # takes nothing


@committed
def test_a_new_budget_counts_what_was_used_before_it_and_a_deleted_one_goes_on(caller, acme):
    now = timezone.now()
    running = begin(caller, at=now)
    end(begin(caller, at=now))
    with acting_for(acme):
        budget = make_budget(1_000)
    assert used(budget, now) == 34
    end(running)  # begun before
    end(begin(caller, at=now))
    assert used(budget, now) == 102
    with acting_for(acme):
        deletion.delete(budget)
    end(begin(caller, at=now))
    with acting_for(acme):
        deletion.restore(budget)
    assert (row_of(budget).used, row_of(budget).reserved) == (136, 0)
    assert "all right" in verified()


@in_test
def test_a_budget_goes_and_comes_back_with_what_it_names(caller, acme):
    with acting_for(acme):
        budget = make_budget(10, agent_id=caller.agent_id)
        agent = AgentConfig.objects.get(pk=caller.agent_id)
        deletion.delete(agent)
        assert begin(caller)
        deletion.restore(agent)
        with pytest.raises(BudgetExceeded):
            begin(caller)
        assert type(budget).objects.get() == budget


@committed
def test_a_call_whose_process_was_killed_counts_as_if_it_had_used_all(caller, acme):
    with acting_for(acme):
        budget = make_budget(250)
    lost = begin(caller, at=timezone.now() - timedelta(minutes=20))
    running = begin(caller, at=timezone.now())
    assert tasks.settle_lost_calls(0) == 1
    assert tasks.settle_lost_calls(0) == 0
    assert end(lost) == []  # it was only slow: there is one record of it
    with acting_for(acme):
        record = UsageRecord.objects.get()
        assert (record.pk, record.outcome, record.is_estimated) == (lost.pk, "lost", True)
        assert (record.input_tokens, record.output_tokens) == (60, 40)
    assert used(budget, timezone.now()) == 100
    end(running)
    assert used(budget, timezone.now()) == 134
    assert "all right" in verified()


@committed
def test_sums_that_are_wrong_are_found_and_set_right(caller, acme):
    with acting_for(acme):
        budget = make_budget(1_000)
    call = begin(caller)
    end(begin(caller))
    with acting_for(acme):
        BudgetPeriod.objects.filter(budget=budget).update(used=7, reserved=0)
    with pytest.raises(CommandError, match="1 sums are wrong"):
        verified()
    with pytest.raises(CommandError, match="There is no organization"):
        verified(organization="nobody")
    assert "1 set right" in verified(repair=True, organization="acme")
    row = row_of(budget)
    assert (row.used, row.reserved) == (34, 100)
    end(call)
    assert "all right" in verified()
