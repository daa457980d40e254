"""The events of a turn: kept in the database, announced, and folded into the reply at the end.

All functions run inside `acting_for`. They hold the reply's row while they write, so that whoever
ends a turn (its worker, a person who stops it, a worker that finds it abandoned) is the only one,
and nothing is added after the end.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from agents.messages import reply_data
from agents.models import Message, TurnEvent
from agents.runtime.notifications import CHANNEL, payload


class Kind(StrEnum):
    """What an event is, in the order in which a stream has them."""

    STARTED = "message.started"
    TOOL_CALL = "tool.call"
    TOOL_RESULT = "tool.result"
    CITATION = "citation"
    TEXT = "text.delta"
    USAGE = "usage"
    COMPLETED = "message.completed"
    FAILED = "message.failed"
    STOPPED = "message.stopped"


FINAL_KINDS = {
    Message.Status.COMPLETED: Kind.COMPLETED,
    Message.Status.FAILED: Kind.FAILED,
    Message.Status.INTERRUPTED: Kind.FAILED,
    Message.Status.STOPPED: Kind.STOPPED,
}

Event = tuple[Kind, dict[str, Any]]


class TurnEnded(Exception):
    """The reply is not pending: its turn has ended, or it was deleted."""


def start(reply_id: UUID) -> bool:
    """Claim a pending reply by its first event; return False when somebody has already."""
    reply = _hold(reply_id)
    if reply.events.exists():
        return False
    _append(reply_id, [_started(reply)], after=0)
    return True


def append(reply_id: UUID, events: Sequence[Event], *, after: int) -> int:
    """Keep further events of a pending reply and announce them, or raise TurnEnded.

    `after` is the sequence of its last event, which whoever claimed the reply knows; return the
    new one. Done a few times a second for each turn: two statements and the announcement.
    """
    if not _pending(reply_id).values_list("pk").first():
        raise TurnEnded(f"The reply {reply_id} is not pending.")
    return _append(reply_id, events, after=after)


def end(reply_id: UUID, status: str, finish_reason: str, events: Iterable[Event] = ()) -> Message:
    """End a turn: keep its last events, make the reply of them all, and add the final event.

    Raises TurnEnded when another has ended it.
    """
    reply = _hold(reply_id)
    kept = list(reply.events.order_by("sequence").values_list("kind", "data"))
    new = [*([] if kept else [_started(reply)]), *events]
    _fold(reply, [*kept, *new])
    reply.status, reply.finish_reason = status, finish_reason
    reply.save(
        update_fields=[
            "content",
            "citations",
            "tokens_used",
            "status",
            "finish_reason",
            "updated_at",
        ]
    )
    new.append((FINAL_KINDS[Message.Status(status)], reply_data(reply)))
    _append(reply_id, new, after=len(kept))
    return reply


def _hold(reply_id: UUID) -> Message:
    if reply := _pending(reply_id).select_related("agent_version").first():
        return reply
    raise TurnEnded(f"The reply {reply_id} is not pending.")


def _pending(reply_id: UUID) -> QuerySet[Message]:
    """The reply if it is pending, locked to the end of the transaction."""
    pending = Message.objects.filter(pk=reply_id, status=Message.Status.PENDING)
    return pending.select_for_update(of=("self",), no_key=True)


def _append(reply_id: UUID, events: Sequence[Event], *, after: int) -> int:
    TurnEvent.objects.bulk_create(
        TurnEvent(message_id=reply_id, sequence=sequence, kind=kind, data=data)
        for sequence, (kind, data) in enumerate(events, start=after + 1)
    )
    last = after + len(events)
    with connection.cursor() as cursor:
        # Delivered when the transaction commits.
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload(reply_id, last)])
    return last


def _started(reply: Message) -> Event:
    version = reply.agent_version.number if reply.agent_version else None
    return Kind.STARTED, {
        "id": str(reply.pk),
        "reply_to": str(reply.reply_to_id),
        "agent_version": version,
    }


def _fold(reply: Message, events: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Set the reply's content, citations and tokens (null when no usage was told)."""
    of_kind: dict[str, list[dict[str, Any]]] = {}
    for kind, data in events:
        of_kind.setdefault(kind, []).append(data)
    reply.content = "".join(data["text"] for data in of_kind.get(Kind.TEXT, []))
    reply.citations = of_kind.get(Kind.CITATION, [])
    if usage := of_kind.get(Kind.USAGE):
        reply.tokens_used = sum(data["input_tokens"] + data["output_tokens"] for data in usage)
