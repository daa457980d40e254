"""A turn as it reaches the client: server-sent events, or the finished reply as one JSON object.

While they wait they hold no transaction, no connection and no thread (`runtime.notifications`).
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from agents.messages import reply_data
from agents.models import Message, TurnEvent
from agents.runtime.blocks import in_block
from agents.runtime.events import FINAL_KINDS, Kind
from agents.runtime.notifications import waiting_for
from tenants.sign_in import SignIn

COMMENT_EVERY_SECONDS = 15.0  # proxies close what is silent
LOOK_EVERY_SECONDS = 4.0  # in case a notification was lost
_COMMENT = b": waiting\n\n"
# How soon a browser's EventSource comes back when the connection is lost.
_OPENING = b"retry: 2000\n\n"

Row = tuple[int, str, dict[str, Any]]  # sequence, kind, data


async def reply_events(
    organization_id: UUID,
    reply_id: UUID,
    after: int = 0,
    sign_in: SignIn | None = None,
    told: int = 0,
) -> AsyncGenerator[bytes, None]:
    """Yield the events of a reply from the one after `after` on, until its final one.

    What the model has said since the last event is told before it is kept: a piece of text with
    the id `after.told`, told being the characters so far of what will be the next event, whose
    own frame has the rest. Who resumes there gives both.

    Each is a frame of `id`, `event` and `data`; a comment line goes out when all is quiet. A reply
    that is not there (another organization's, deleted) yields nothing, nor does one any more when
    `sign_in` has ended.
    """
    last_sent, is_open = _now(), False
    with waiting_for(reply_id) as waiter:
        while True:
            rows, is_final = await in_block(
                organization_id, _read, reply_id, after, sign_in, read_only=True
            )
            if not is_open and (rows or not is_final):
                yield _OPENING
                is_open = True
            for sequence, kind, data in rows:
                if told and kind == Kind.TEXT:
                    data = {"text": data["text"][told:]}
                if kind != Kind.TEXT or data["text"]:
                    yield _frame(str(sequence), kind, data)
                after, told, last_sent = sequence, 0, _now()
            if is_final:
                return
            waiter.seen = after
            look_at = min(_now() + LOOK_EVERY_SECONDS, last_sent + COMMENT_EVERY_SECONDS)
            is_quiet = True
            while is_quiet:
                if text := waiter.heard()[told:]:
                    told, last_sent = told + len(text), _now()
                    yield _frame(f"{after}.{told}", Kind.TEXT, {"text": text})
                is_quiet = not await waiter.wait(max(0.0, look_at - _now()))
            if _now() >= last_sent + COMMENT_EVERY_SECONDS:
                yield _COMMENT
                last_sent = _now()


async def reply_json(
    organization_id: UUID, reply_id: UUID, sign_in: SignIn | None = None
) -> AsyncGenerator[bytes, None]:
    """Yield the reply as JSON, once, when its turn has ended.

    Nothing when it is not there, or when `sign_in` ended before.
    """
    with waiting_for(reply_id) as waiter:
        while True:
            data, is_there = await in_block(
                organization_id, _find_final, reply_id, sign_in, read_only=True
            )
            if data is not None:
                yield _json(data)
            if data is not None or not is_there:
                return
            await waiter.wait(LOOK_EVERY_SECONDS)


def has_told_all(reply: Message, after: int) -> bool:
    """Whether a reply has ended and has no event after that one."""
    if reply.status == Message.Status.PENDING or not after:
        return False
    return not TurnEvent.objects.filter(message=reply, sequence__gt=after).exists()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _read(reply_id: UUID, after: int, sign_in: SignIn | None) -> tuple[list[Row], bool]:
    """Return the events after a sequence, and whether the stream ends with them."""
    if sign_in and not sign_in.holds():
        return [], True
    # Before its events: what is final by now has them all.
    status = _replies(reply_id).values_list("status", flat=True).first()
    if status is None:
        return [], True
    is_final = status != Message.Status.PENDING
    rows = list(
        TurnEvent.objects.filter(message_id=reply_id, sequence__gt=after)
        .order_by("sequence")
        .values_list("sequence", "kind", "data")
    )
    if is_final and not rows and not after:  # a reply that was loaded from a fixture has no events
        reply = _replies(reply_id).select_related("agent_version").get()
        rows = [(1, FINAL_KINDS[Message.Status(status)], reply_data(reply))]
    return rows, is_final


def _find_final(reply_id: UUID, sign_in: SignIn | None) -> tuple[dict[str, Any] | None, bool]:
    """Return a reply as JSON takes it, None while it is pending, and whether there is one."""
    if sign_in and not sign_in.holds():
        return None, False
    reply = _replies(reply_id).select_related("agent_version").first()
    if reply is None or reply.status == Message.Status.PENDING:
        return None, reply is not None
    return reply_data(reply), True


def _replies(reply_id: UUID) -> QuerySet[Message]:
    return Message.objects.filter(role=Message.Role.ASSISTANT, pk=reply_id)


def _frame(name: str, kind: str, data: dict[str, Any]) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (name.encode(), kind.encode(), _json(data))


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
