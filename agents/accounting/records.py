"""From a call that runs to the record that it leaves. All runs inside `acting_for`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from agents.accounting import budgets
from agents.accounting.budgets import Amount, Caller, State, amount_of
from agents.accounting.prices import Price, model_called
from agents.models import OpenCall, UsageRecord
from agents.models.usage import Call
from agents.providers.protocol import Usage

# Longer than any turn: a call that is not settled by then was left by a process that is gone.
LOST_AFTER = timedelta(minutes=15)

Outcome = UsageRecord.Outcome
_SHARED = [
    field.attname for field in Call._meta.get_fields() if field.concrete and field.name != "id"
]


@dataclass(frozen=True)
class Ended:
    """How a call ended, and what it used. Times are in milliseconds, None where not known."""

    outcome: str
    usage: Usage
    reason: str = ""
    is_estimated: bool = False
    first_token_ms: int | None = None
    whole_ms: int | None = None


def begin(
    caller: Caller, model_name: str, *, input_tokens: int, output_tokens: int, at: datetime
) -> OpenCall:
    """Take what the call may use from its budgets and note that it runs.

    Raises BudgetExceeded or PriceUnknown, having changed nothing.
    """
    model = model_called(model_name)
    if model.is_free:
        input_tokens = output_tokens = 0
    worst = amount_of(model.price, Usage(input_tokens, output_tokens))
    held = budgets.reserve(caller, model, worst, at)
    price = model.price
    return OpenCall.objects.create(
        organization_id=caller.organization_id,
        project_id=caller.project_id,
        agent_id=caller.agent_id,
        agent_version_id=caller.agent_version_id,
        user_id=caller.user_id,
        token_id=caller.token_id,
        reply_id=caller.reply_id,
        provider=model.provider,
        model_name=model.name,
        input_price=price.input,
        cached_price=price.cached,
        output_price=price.output,
        currency=price.currency,
        started_at=at,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        budgets=[budget.pk for budget in held],
        deadline=at + LOST_AFTER,
    )


def settle(call: Any, ended: Ended) -> Sequence[State]:
    """Write the record of a call and count it, unless somebody has; return what is nearly used.

    Whoever removes the row of the call is the one: the others find none.
    """
    organization_id = call.organization_id
    budgets.wait_for_periods(organization_id)
    if not OpenCall.objects.filter(pk=call.pk).delete()[0]:
        return []
    usage = ended.usage
    used = amount_of(_price_of(call), usage)
    UsageRecord.objects.create(
        id=call.pk,
        **{name: getattr(call, name) for name in _SHARED},
        input_tokens=usage.input_tokens,
        cached_tokens=min(usage.cached_tokens, usage.input_tokens),
        output_tokens=usage.output_tokens,
        is_estimated=ended.is_estimated,
        cost=used.cost,
        first_token_ms=ended.first_token_ms,
        whole_ms=ended.whole_ms,
        outcome=ended.outcome,
        reason=ended.reason,
    )
    caller = Caller(
        organization_id, call.user_id, call.project_id, call.agent_id, call.agent_version_id
    )
    return budgets.settle(
        budgets.holding_for(caller),
        call.budgets,
        worst=worst_of(call),
        used=used,
        at=call.started_at,
    )


def settle_lost(call_id: UUID) -> bool:
    """Settle a call whose process is gone as if it had used all that it might; it may have."""
    call = OpenCall.objects.filter(pk=call_id).first()
    if call is None:
        return False
    usage = Usage(call.input_tokens, call.output_tokens)
    settle(call, Ended(Outcome.LOST, usage, reason="interrupted", is_estimated=True))
    return True


def worst_of(call: OpenCall) -> Amount:
    """What a call that runs has taken from its budgets."""
    return amount_of(_price_of(call), Usage(call.input_tokens, call.output_tokens))


def _price_of(call: Call) -> Price:
    return Price(call.input_price, call.cached_price, call.output_price, call.currency)
