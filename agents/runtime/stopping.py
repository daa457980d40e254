"""Noticing that somebody else has ended a turn, also while its model says nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from django.db import Error

from agents.runtime.blocks import in_block
from agents.runtime.events import TurnEnded, is_pending
from agents.runtime.notifications import waiting_for

# In case the end was announced before anybody listened, then in case an announcement was lost.
FIRST_LOOK_SECONDS = 0.5
LOOK_EVERY_SECONDS = 4.0

logger = logging.getLogger(__name__)


@asynccontextmanager
async def until_ended(organization_id: UUID, reply_id: UUID) -> AsyncIterator[None]:
    """Cancel the body, and raise TurnEnded, when its reply is ended by another or deleted.

    The body lets go of its model as when its task is cancelled, and may await while it does.
    """
    body = asyncio.current_task()
    assert body
    watching = asyncio.create_task(_ended(organization_id, reply_id), name=f"end of {reply_id}")
    is_ended = False

    def end(watched: asyncio.Task[None]) -> None:
        nonlocal is_ended
        if watched.cancelled():
            logger.warning("Nobody looks any more whether %s was stopped.", reply_id)
        elif error := watched.exception():
            logger.error("Whether %s was stopped cannot be found.", reply_id, exc_info=error)
        else:
            is_ended = body.cancel()

    watching.add_done_callback(end)
    try:
        yield
    except asyncio.CancelledError:
        # Who cancels the task for a reason of their own is obeyed.
        if is_ended and body.cancelling() == 1:
            raise TurnEnded(f"The reply {reply_id} is not pending any more.") from None
        raise
    finally:
        watching.remove_done_callback(end)
        watching.cancel()
        if is_ended:
            body.uncancel()


async def _ended(organization_id: UUID, reply_id: UUID) -> None:
    """Return when the reply is pending no more."""
    seconds = FIRST_LOOK_SECONDS
    with waiting_for(reply_id, ends_alone=True) as waiter:
        while True:
            await waiter.wait(seconds)
            seconds = LOOK_EVERY_SECONDS
            try:
                if not await in_block(organization_id, is_pending, reply_id, read_only=True):
                    return
            except Error as error:  # it may be starting anew
                logger.warning("Whether %s was stopped is not known: %s", reply_id, error)
