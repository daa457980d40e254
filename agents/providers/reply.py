"""What one response of a provider says, put together from its pieces within the limits."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from agents.providers.cleaning import Cleaner, clean, clean_json
from agents.providers.errors import Broken, TooMuch
from agents.providers.limits import Limits
from agents.providers.protocol import (
    AnswerEvent,
    Finished,
    FinishReason,
    Malformed,
    TextDelta,
    ToolCall,
    Usage,
)

_LONGEST_NAME = 200  # characters of a call's id and name
_SHOWN_ARGUMENTS = 1_000  # characters of malformed ones
_MOST_TOKENS = 1_000_000_000  # what a provider counts is not to be trusted


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    opaque: str = ""
    arguments: list[str] = field(default_factory=list)


class Reply(ABC):
    """Reads the pieces of one response. A protocol says in `read` what they mean."""

    def __init__(self, limits: Limits):
        self.usage: Usage | None = None
        self.has_begun = False  # something of the answer has come
        self._limits = limits
        self._reason: FinishReason | None = None
        self._cleaner = Cleaner()
        self._characters = 0
        self._calls: dict[Any, _Call] = {}

    @abstractmethod
    def read(self, chunk: Any) -> Iterator[AnswerEvent]:
        """Take in the next piece and yield the text in it."""

    def end(self) -> Iterator[AnswerEvent]:
        """Yield what is known at the end alone. Raises Broken when it is not the answer's end."""
        if self._reason is None:
            raise Broken("missing end")
        for number, call in enumerate(self._calls.values(), start=1):
            yield _finished_call(call, number)
        if self.usage:
            yield self.usage
        has_calls = self._calls and self._reason == FinishReason.STOP
        yield Finished(FinishReason.TOOL_CALLS if has_calls else self._reason)

    def text(self, piece: str | None) -> Iterator[TextDelta]:
        if not piece:
            return
        self._count(piece)
        if text := self._cleaner.clean(piece):
            yield TextDelta(text)

    def call(
        self,
        key: Any,
        *,
        called: str | None = None,
        name: str | None = None,
        arguments: str | None = None,
        opaque: str = "",
    ) -> None:
        """Take in a piece of the tool call that the protocol knows by `key`; `called` is its id."""
        if key not in self._calls and len(self._calls) >= self._limits.max_tool_calls:
            raise TooMuch("tool calls")
        call = self._calls.setdefault(key, _Call())
        call.id = call.id or clean(called or "")[:_LONGEST_NAME]
        call.name = call.name or clean(name or "")[:_LONGEST_NAME]
        call.opaque = call.opaque or opaque
        self._count(arguments or " ")
        if arguments:
            call.arguments.append(arguments)

    def finish(self, reason: FinishReason) -> None:
        """The first reason that a provider gives is the one."""
        self._reason = self._reason or reason

    def count(self, *, read: Any, cached: Any, written: Any) -> None:
        """Keep what has been used so far: tokens, as the provider counts them."""
        self.usage = Usage(
            input_tokens=_tokens(read),
            cached_tokens=_tokens(cached),
            output_tokens=_tokens(written),
        )

    def _count(self, piece: str) -> None:
        self.has_begun = True
        self._characters += len(piece)
        if self._characters > self._limits.max_characters:
            raise TooMuch("characters")


def _finished_call(call: _Call, number: int) -> ToolCall:
    return ToolCall(
        id=call.id or f"call-{number}",
        name=call.name,
        arguments=_arguments("".join(call.arguments)),
        opaque=call.opaque,
    )


def _arguments(text: str) -> dict[str, Any] | Malformed:
    """Arguments as a JSON object; none at all are none."""
    try:
        found = json.loads(text or "{}", parse_constant=_refuse, parse_float=_finite)
        if isinstance(found, dict):
            return clean_json(found)
    except (ValueError, RecursionError):
        pass
    return Malformed(clean(text)[:_SHOWN_ARGUMENTS])


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON.")


def _finite(number: str) -> float:
    if not isfinite(found := float(number)):
        raise ValueError(f"{number} is too large.")
    return found


def _tokens(count: Any) -> int:
    is_number = isinstance(count, int) and not isinstance(count, bool)
    return min(max(count, 0), _MOST_TOKENS) if is_number else 0
