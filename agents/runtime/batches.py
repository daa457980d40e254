"""Gathering what comes in small pieces."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

Item = TypeVar("Item")


async def in_batches(
    source: AsyncGenerator[Item], *, every: float
) -> AsyncGenerator[tuple[list[Item], bool]]:
    """Yield (items, is_last): the first item at once, then what has come in `every` seconds.

    The last batch may be empty. When `source` raises, what it gave before is yielded, then its
    exception is raised here. Close this generator (`contextlib.aclosing`) and `source` is closed.
    """
    items: list[Item] = []
    news = asyncio.Event()
    pump = asyncio.create_task(_pump(source, items, news))
    pump.add_done_callback(lambda _: news.set())
    try:
        while True:
            await news.wait()
            if pump.done():
                break
            news.clear()
            yield _taken(items), False
            await asyncio.wait({pump}, timeout=every)
        if pump.exception() and items:
            yield _taken(items), False
        await pump
        yield _taken(items), True
    finally:
        pump.cancel()
        await asyncio.wait({pump})


async def _pump(source: AsyncGenerator[Item], items: list[Item], news: asyncio.Event) -> None:
    async with aclosing(source):
        async for item in source:
            items.append(item)
            news.set()


def _taken(items: list[Item]) -> list[Item]:
    taken = items.copy()
    items.clear()
    return taken
