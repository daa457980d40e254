"""What was said before a question: the earlier turns on its branch of the conversation.

A turn's tool exchanges are kept as its events, with their results shortened, and are shown again
from these. A result from a document that the asker may not read any more is not.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

from django.db.models import Q

from agents.models import Message, TurnEvent
from agents.providers.cleaning import clean_name
from agents.providers.protocol import (
    AssistantMessage,
    ChatMessage,
    ToolCall,
    ToolResult,
    UserMessage,
)
from agents.runtime.events import Kind
from agents.runtime.tokens import tokens_of_messages
from agents.tools.asker import Reader

MOST_TURNS = 50
_MARK = re.compile(r"[ \t]?\[\d{1,3}(?:\s?,\s?\d{1,3})*\]")
_NUMBER = re.compile(r'(?<=<passage) number="\d+"')
WITHHELD = "The user may not read this any more."


@dataclass(frozen=True)
class PastTurn:
    """A question and what answered it. `exchanges` are whole: each call with its result."""

    question: UserMessage
    exchanges: Sequence[ChatMessage]
    answer: AssistantMessage

    def messages(self) -> list[ChatMessage]:
        return [self.question, *self.exchanges, self.answer]

    def in_short(self) -> list[ChatMessage]:
        return [self.question, self.answer]


def fitting(turns: Sequence[PastTurn], tokens: int, *, with_exchanges: bool) -> list[ChatMessage]:
    """The messages of the newest turns that fit, oldest first.

    A turn is taken whole; else without its tool exchanges; else neither it nor what came before.
    """
    kept: list[list[ChatMessage]] = []
    for turn in reversed(turns):
        ways = [turn.messages(), turn.in_short()] if with_exchanges else [turn.in_short()]
        fits = next((way for way in ways if tokens_of_messages(way) <= tokens), None)
        if fits is None:
            break
        tokens -= tokens_of_messages(fits)
        kept.append(fits)
    return [message for messages in reversed(kept) for message in messages]


def without_marks(text: str) -> str:
    """An earlier answer without the numbers of its citations: those of now are others."""
    return _MARK.sub("", text)


def turns_before(question: Any, reader: Reader) -> list[PastTurn]:
    """The answered turns that lead to a question, oldest first."""
    pairs = _pairs_before(question)
    exchanges = _exchanges([reply.pk for _, reply in pairs], reader)
    return [
        PastTurn(
            UserMessage(asked.content),
            exchanges.get(reply.pk, []),
            AssistantMessage(without_marks(reply.content)),
        )
        for asked, reply in pairs
    ]


def _pairs_before(question: Any) -> list[tuple[Any, Any]]:
    """(question, reply) of earlier turns on the way up from a question, those with an answer."""
    rows = list(
        Message.objects.filter(conversation_id=question.conversation_id, pk__lt=question.pk)
        .exclude(status=Message.Status.PENDING)
        .only("id", "role", "content", "reply_to")
        .order_by("-pk")[: MOST_TURNS * 4]
    )
    by_id: dict[UUID | None, Any] = {row.pk: row for row in rows}
    pairs: list[tuple[Any, Any]] = []
    above = by_id.get(question.reply_to_id)
    while above is not None and len(pairs) < MOST_TURNS:
        asked = by_id.get(above.reply_to_id)
        if asked is None:
            break
        if without_marks(above.content).strip():
            pairs.append((asked, above))
        above = by_id.get(asked.reply_to_id)
    return pairs[::-1]


@dataclass
class _Round:
    """The calls in one answer of the model."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)


def _exchanges(reply_ids: Sequence[UUID], reader: Reader) -> dict[UUID, list[ChatMessage]]:
    """The tool exchanges of replies, from their events: two queries for all of them."""
    events = TurnEvent.objects.filter(
        Q(kind=Kind.TOOL_CALL) | Q(kind=Kind.TOOL_RESULT), message_id__in=reply_ids
    )
    rows = list(events.order_by("message_id", "sequence").values_list("message_id", "kind", "data"))
    named = {UUID(text) for _, _, data in rows for text in data.get("documents", [])}
    readable = set(
        reader.documents().filter(pk__in=named).order_by().values_list("pk", flat=True)
        if named
        else []
    )
    rounds: dict[UUID, dict[int, _Round]] = {}
    for reply_id, kind, data in rows:
        this = rounds.setdefault(reply_id, {}).setdefault(data.get("round", 0), _Round())
        if kind == Kind.TOOL_CALL:
            this.calls.append(data)
        else:
            this.results[data["id"]] = _still_readable(data, readable)
    return {
        reply_id: list(_messages(by_number.values(), number))
        for number, (reply_id, by_number) in enumerate(rounds.items())
    }


def _still_readable(data: dict[str, Any], readable: set[UUID]) -> dict[str, Any]:
    if all(UUID(text) in readable for text in data.get("documents", [])):
        return data
    return data | {"content": WITHHELD, "is_error": True}


def _messages(rounds: Iterable[_Round], turn: int) -> Iterable[ChatMessage]:
    """Calls and results of one turn. Ids are made anew: some providers want them unique."""
    numbers = count(1)
    for this in rounds:
        answered = [call for call in this.calls if call["id"] in this.results]
        if not answered:
            continue
        calls = {
            call["id"]: ToolCall(
                f"past-{turn}-{next(numbers)}", clean_name(call["name"]), call["arguments"]
            )
            for call in answered
        }
        yield AssistantMessage("", list(calls.values()))
        for name, call in calls.items():
            result = this.results[name]
            # Its numbers were those of that turn.
            content = _NUMBER.sub("", result["content"])
            yield ToolResult(call, content, is_error=result["is_error"])
