"""What is refused about agents and conversations, as problems."""

from math import ceil

from django.utils import timezone

from agents.accounting.budgets import BudgetExceeded, PriceUnknown
from agents.accounting.sums import TooManyRows
from agents.services import (
    AgentNotPublished,
    IdempotencyConflict,
    InvalidConversation,
    ModelUnavailable,
    TurnInProgress,
)
from common.api.problems import Problem, as_problem, field_problem


@as_problem.register
def _(error: InvalidConversation) -> Problem:
    return field_problem(error.field, error.reason)


@as_problem.register
def _(error: AgentNotPublished) -> Problem:
    return Problem(409, str(error), kind="agent-not-published", title="Agent not published")


@as_problem.register
def _(error: TurnInProgress) -> Problem:
    return Problem(409, str(error), kind="turn-in-progress", title="Turn in progress")


@as_problem.register
def _(error: IdempotencyConflict) -> Problem:
    return Problem(409, str(error), kind="idempotency-conflict", title="Key used already")


@as_problem.register
def _(error: BudgetExceeded) -> Problem:
    """It can be asked again when the budget renews."""
    seconds = (error.state.renews_at - timezone.now()).total_seconds()
    return Problem(
        429,
        str(error),
        kind="budget-exceeded",
        title="Budget used up",
        headers={"Retry-After": str(max(1, ceil(seconds)))},
        **error.state.as_data(),
    )


@as_problem.register
def _(error: PriceUnknown) -> Problem:
    return Problem(409, str(error), kind="price-unknown", title="Price unknown")


@as_problem.register
def _(error: TooManyRows) -> Problem:
    return field_problem("group_by", str(error))


@as_problem.register
def _(error: ModelUnavailable) -> Problem:
    return Problem(
        503,
        error.detail,
        kind="model-unavailable",
        title="Model unavailable",
        setting=error.setting or None,
    )
