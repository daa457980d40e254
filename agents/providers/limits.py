"""How long a model may take and how much it may send: the settings that begin with MODEL_."""

from dataclasses import dataclass, fields

from django.conf import settings


@dataclass(frozen=True)
class Limits:
    """Each field is a setting of the same name in capitals, after MODEL_."""

    connect_seconds: float
    first_token_seconds: float  # from the beginning of the call
    silence_seconds: float  # between two pieces of the answer
    retries: int
    retry_seconds: float  # before the first retry; twice as long before each further one
    longest_retry_seconds: float  # a provider that asks for a longer pause is not waited for
    max_characters: int  # of text and tools' arguments together
    max_tool_calls: int
    max_line_bytes: int
    max_bytes: int


def current_limits() -> Limits:
    return Limits(**{f.name: getattr(settings, f"MODEL_{f.name.upper()}") for f in fields(Limits)})
