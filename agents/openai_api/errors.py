"""Refusals and failures as OpenAI writes them, so that its clients raise what they have for them.

{"error": {"message", "type", "param", "code"}}, with the status that the problem of the same cause
has elsewhere.
"""

import logging
from typing import Any

from agents.providers.errors import ContextTooLong, ProviderError, RateLimited, TimedOut
from agents.tools.asker import NotPermitted
from common.api.problems import Problem, as_problem

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
_CODES = {
    401: "invalid_api_key",
    403: "permission_denied",
    404: "model_not_found",
    405: "method_not_allowed",
    429: "rate_limit_exceeded",
}
_OF_PROVIDERS = {ContextTooLong: 400, RateLimited: 429, TimedOut: 504}

logger = logging.getLogger(__name__)


def unknown_model(name: str) -> Problem:
    """The same for an agent of another organization, a deleted one, a draft, and none at all."""
    return Problem(
        404, f"There is no model {name[:100]!r} that you can use.", errors=[{"field": "model"}]
    )


def problem_of(error: Exception) -> Problem:
    """The problem that ended an answer; a fault of the program is logged and says no more."""
    if isinstance(error, ProviderError):
        logger.warning("The model of a completion failed: %s.", error)
        status = _OF_PROVIDERS.get(type(error), 502)
        return Problem(status, error.explanation, kind=error.reason)
    if isinstance(error, NotPermitted):
        return Problem(403, "You may no longer ask this agent.")
    if isinstance(error, TimeoutError):
        return Problem(504, "The answer took too long and was given up.", kind="timeout")
    if problem := as_problem(error):
        return problem
    logger.error("A completion failed.", exc_info=error)
    return Problem(500, "Something went wrong here. It has been logged.")


def body_of(problem: Problem) -> dict[str, Any]:
    status = problem.status_code
    fault: dict[str, Any] = next(iter(problem.data.get("errors", ())), {})
    kind = problem.data["type"].removeprefix("urn:chancery:").replace("-", "_")
    code = _CODES.get(status) if kind == "about:blank" else kind
    detail = fault.get("detail") or problem.data["detail"]
    default = "invalid_request_error" if status < 500 else "server_error"
    return {
        "error": {
            "message": detail,
            "type": _TYPES.get(status, default),
            "param": fault.get("field"),
            "code": code,
        }
    }
