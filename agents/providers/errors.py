"""Why a model did not answer. What an error says is fit for whoever asked.

No text here holds anything that a provider sent, which may repeat a key or a prompt.
"""

import re
from typing import ClassVar

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")


class ModelUnavailable(Exception):
    """A model cannot be used here. Carries the missing setting ("" for none) and a sentence."""

    def __init__(self, setting: str, detail: str):
        super().__init__(detail)
        self.setting = setting
        self.detail = detail


class ProviderError(Exception):
    """A call of a model failed. `cause` is for the log: a status, an error's code, a phase."""

    reason: ClassVar[str]  # what the reply's `finish_reason` becomes
    explanation: ClassVar[str]
    is_passing = False  # whether the same call may succeed in a moment

    def __init__(self, cause: str = "", *, retry_after: float | None = None):
        super().__init__(f"{type(self).__name__}: {cause}" if cause else type(self).__name__)
        self.cause = cause
        self.retry_after = retry_after  # seconds that the provider asked to be left alone


class Unreachable(ProviderError):
    """No connection, or it ended before there was a response."""

    reason = "provider_unreachable"
    explanation = "The model's provider cannot be reached. Ask again later."
    is_passing = True


class AddressRefused(ProviderError):
    """The provider's address is one that this installation does not connect to."""

    reason = "provider_refused"
    explanation = "The model's provider is at an address that is not allowed here."


class CredentialsRefused(ProviderError):
    reason = "provider_credentials"
    explanation = "The model's provider does not accept the key that is configured for it."


class RateLimited(ProviderError):
    reason = "provider_rate_limited"
    explanation = "The model's provider allows no more requests for now. Ask again later."
    is_passing = True


class Overloaded(ProviderError):
    """The provider says that it is broken or too busy."""

    reason = "provider_overloaded"
    explanation = "The model's provider is failing or too busy. Ask again later."
    is_passing = True


class TimedOut(ProviderError):
    """Too long until the first piece of the answer, or between two."""

    reason = "provider_timeout"
    explanation = "The model's provider took too long. Ask again."


class Broken(ProviderError):
    """What came is not what the protocol says, or ends too early."""

    reason = "provider_broken"
    explanation = "The model's provider broke off or sent something that makes no sense. Ask again."


class TooMuch(ProviderError):
    """The answer is longer than this installation takes."""

    reason = "provider_too_much"
    explanation = "The model's answer was too long and was cut off."


class UnknownModel(ProviderError):
    reason = "model_unknown"
    explanation = "The model's provider does not know this agent's model."


class ContextTooLong(ProviderError):
    reason = "context_too_long"
    explanation = "The question with its passages is too long for this agent's model."


class Rejected(ProviderError):
    """The provider does not take the request, for whatever other reason."""

    reason = "provider_rejected"
    explanation = "The model's provider rejected the request."


ERRORS: tuple[type[ProviderError], ...] = (
    Unreachable,
    AddressRefused,
    CredentialsRefused,
    RateLimited,
    Overloaded,
    TimedOut,
    Broken,
    TooMuch,
    UnknownModel,
    ContextTooLong,
    Rejected,
)
EXPLANATIONS = {error.reason: error.explanation for error in ERRORS}


def code_in(body: object) -> str:
    """The code of an error as the protocols write it: {"error": {"code" | "status" | "type"}}."""
    error = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    for name in ("code", "status", "type"):
        found = error.get(name)
        if isinstance(found, str) and _CODE.fullmatch(found):
            return found
    return ""


def of_status(
    status: int, body: object = None, *, retry_after: float | None = None
) -> ProviderError:
    """Return the error that a response's status and JSON body stand for."""
    code = code_in(body)
    cause = f"HTTP {status} {code}".strip()
    if status == 429:
        return RateLimited(cause, retry_after=retry_after)
    if status in (401, 403, 407):
        return CredentialsRefused(cause)
    if status == 404:
        return UnknownModel(cause)
    if status >= 500 or status == 408:
        return Overloaded(cause, retry_after=retry_after)
    if status == 413 or (status == 400 and _is_about_length(code, body)):
        return ContextTooLong(cause)
    if status == 400 and "API_KEY_INVALID" in str(body):  # Gemini's 401
        return CredentialsRefused(cause)
    if status >= 400:
        return Rejected(cause)
    return Broken(cause)


def of_event(body: object) -> ProviderError:
    """Return the error that an error within a stream stands for."""
    code = code_in(body)
    match code.lower():
        case "overloaded_error" | "api_error" | "server_error" | "unavailable" | "internal":
            return Overloaded(code)
        case "rate_limit_error" | "rate_limit_exceeded" | "resource_exhausted":
            return RateLimited(code)
        case "context_length_exceeded":
            return ContextTooLong(code)
    return Broken(code or "error in the stream")


# Anthropic and Gemini have no code of their own for it.
_TOO_LONG = re.compile(r"prompt is too long|maximum context|exceeds the maximum number of tokens")


def _is_about_length(code: str, body: object) -> bool:
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else ""
    return code == "context_length_exceeded" or bool(_TOO_LONG.search(str(message)))
