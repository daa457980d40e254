"""Short blocks of database work, for code that waits for models or for other processes.

Asynchronous code holds no connection and no thread while it waits. Each block is one transaction in
one of a few threads, whose connection is closed (given back, where there is a pool) at its end.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections

from tenants.context import acting_for

# Fewer than the connections of the web process's pool, so that ordinary requests find some left.
_THREADS = ThreadPoolExecutor(max_workers=6, thread_name_prefix="block")


async def in_block(
    organization_id: UUID, function: Callable[..., Any], *args: Any, read_only: bool = False
) -> Any:
    """Return `function(*args)`, run in a transaction of its own that acts for the organization.

    Once begun it runs to its end, even when the caller is cancelled.
    """

    def block() -> Any:
        with acting_for(organization_id, read_only=read_only):
            return function(*args)

    return await in_database_thread(block)


async def in_database_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Return `function(*args)`, run in a thread that lets go of its connection at the end."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, partial(_and_disconnect, function, *args))


def _and_disconnect(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    finally:
        connections.close_all()
