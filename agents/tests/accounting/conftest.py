"""Models with prices, callers, and calls that are begun and ended by hand."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agents.accounting import records
from agents.accounting.budgets import Caller
from agents.accounting.records import Ended, Outcome
from agents.models import Budget
from agents.providers.protocol import Usage
from agents.testing import make_agent, make_project
from tenants.context import acting_for

MODEL = "gpt-4.1"
PRICE = {"input": Decimal(2), "cached": Decimal("0.5"), "output": Decimal(8), "currency": "USD"}
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _priced(settings):
    settings.MODEL_PRICES = {MODEL: PRICE}
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture
def caller(acme, member, people):
    """The member, with an agent in a project."""
    with acting_for(acme):
        agent = make_agent(by=people["acme-owner"], model_name=MODEL)
        return Caller(acme.pk, member.pk, make_project(member).pk, agent.pk)


def make_budget(limit, **fields):
    given = {"unit": "tokens", "period": "month", "limit": limit} | fields
    if given["unit"] == "money":
        given.setdefault("currency", "USD")
    return Budget.objects.create(**given)


def begin(caller, *, read=60, write=40, at=NOON, model=MODEL):
    """A call that may take a hundred tokens."""
    with acting_for(caller.organization_id):
        return records.begin(caller, model, input_tokens=read, output_tokens=write, at=at)


def end(call, read=30, write=4, cached=0, outcome=Outcome.COMPLETED):
    with acting_for(call.organization_id):
        return records.settle(call, Ended(outcome, Usage(read, write, cached)))
