"""A turn as it reaches the client: server-sent events, or the finished reply as one JSON object.

While they wait they hold no transaction, no connection and no thread (`runtime.notifications`).
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from agents.messages import reply_data
from agents.models import Message, TurnEvent
from agents.runtime.blocks import in_block
from agents.runtime.events import FINAL_KINDS
from agents.runtime.notifications import Waiter, waiting_for

COMMENT_EVERY_SECONDS = 15.0  # proxies close what is silent
LOOK_EVERY_SECONDS = 4.0  # in case a notification was lost
_COMMENT = b": waiting\n\n"

Row = tuple[int, str, dict[str, Any]]  # sequence, kind, data


async def reply_events(
    organization_id: UUID, reply_id: UUID, after: int = 0
) -> AsyncGenerator[bytes, None]:
    """Yield the events of a reply from the one after `after` on, until its final one.

    Each is a frame of `id`, `event` and `data`; a comment line goes out when all is quiet. A reply
    that is not there (another organization's, deleted) yields nothing.
    """
    last_sent = _now()
    with waiting_for(reply_id) as waiter:
        while True:
            rows, is_final = await in_block(organization_id, _read, reply_id, after, read_only=True)
            for sequence, kind, data in rows:
                yield _frame(sequence, kind, data)
                after, last_sent = sequence, _now()
            if is_final:
                return
            await _wait(waiter, after, until=last_sent + COMMENT_EVERY_SECONDS)
            if _now() >= last_sent + COMMENT_EVERY_SECONDS:
                yield _COMMENT
                last_sent = _now()


async def reply_json(organization_id: UUID, reply_id: UUID) -> AsyncGenerator[bytes, None]:
    """Yield the reply as JSON, once, when its turn has ended; nothing when it is not there."""
    with waiting_for(reply_id) as waiter:
        while True:
            reply = await in_block(organization_id, _find, reply_id, read_only=True)
            if reply is None:
                return
            if reply.status != Message.Status.PENDING:
                yield _json(reply_data(reply))
                return
            await waiter.wait(LOOK_EVERY_SECONDS)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _wait(waiter: Waiter, after: int, *, until: float) -> None:
    waiter.seen = after
    await waiter.wait(min(LOOK_EVERY_SECONDS, max(0.0, until - _now())))


def _read(reply_id: UUID, after: int) -> tuple[list[Row], bool]:
    """Return the events after a sequence, and whether the stream ends with them."""
    reply = _find(reply_id)  # before its events: what is final by now has them all
    if reply is None:
        return [], True
    is_final = reply.status != Message.Status.PENDING
    rows = list(
        TurnEvent.objects.filter(message_id=reply_id, sequence__gt=after)
        .order_by("sequence")
        .values_list("sequence", "kind", "data")
    )
    if is_final and not rows and not after:  # a reply that was loaded from a fixture has no events
        rows = [(1, FINAL_KINDS[Message.Status(reply.status)], reply_data(reply))]
    return rows, is_final


def _find(reply_id: UUID) -> Message | None:
    replies = Message.objects.filter(role=Message.Role.ASSISTANT)
    return replies.select_related("agent_version").filter(pk=reply_id).first()


def _frame(sequence: int, kind: str, data: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (sequence, kind.encode(), _json(data))


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
