"""Work that must be done though PostgreSQL is away for a moment, as when it is started anew."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import InterfaceError, OperationalError

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.5

# What Django raises where a connection is lost, or none is to be had.
LOST_CONNECTION = (OperationalError, InterfaceError)

logger = logging.getLogger(__name__)


async def again_when_lost(function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """Return what `function(*args)` gives, called again while the database cannot be reached.

    It may have been done when the connection was lost: it must be able to run twice. After a
    minute the error is raised.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    while True:
        try:
            return await function(*args)
        except LOST_CONNECTION as error:
            if loop.time() > deadline:
                raise
            logger.warning("The database cannot be reached, it is tried again: %s", error)
        await asyncio.sleep(PAUSE_SECONDS)
