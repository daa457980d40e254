"""What is refused about agents and conversations, as problems."""

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
def _(error: ModelUnavailable) -> Problem:
    return Problem(
        503,
        error.detail,
        kind="model-unavailable",
        title="Model unavailable",
        setting=error.setting or None,
    )
