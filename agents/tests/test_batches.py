import asyncio
from contextlib import aclosing

import pytest

from agents.runtime.batches import in_batches


async def gathered(source, *, every=60):
    async with aclosing(in_batches(source, every=every)) as batches:
        return [batch async for batch in batches]


def test_what_comes_at_once_is_one_batch():
    async def source():
        for item in range(3):
            yield item

    assert asyncio.run(gathered(source())) == [([0, 1, 2], True)]


def test_nothing_is_one_empty_batch():
    async def source():
        for item in ():
            yield item

    assert asyncio.run(gathered(source())) == [([], True)]


def test_the_first_item_does_not_wait_and_the_end_neither():
    taken = asyncio.Event()

    async def source():
        yield 1
        await taken.wait()
        yield 2
        yield 3

    async def read():
        batches = in_batches(source(), every=60)
        first = await anext(batches)
        taken.set()
        return [first, *[batch async for batch in batches]]

    async def within_a_second():
        async with asyncio.timeout(10):
            return await read()

    assert asyncio.run(within_a_second()) == [([1], False), ([2, 3], True)]


def test_what_came_before_a_failure_is_told_first():
    async def source():
        yield 1
        raise ValueError("broken")

    async def read():
        batches = in_batches(source(), every=0)
        found = await anext(batches)
        with pytest.raises(ValueError, match="broken"):
            await anext(batches)
        return found

    assert asyncio.run(read()) == ([1], False)


def test_closing_it_closes_the_source():
    closed = []

    async def source():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def read():
        async with aclosing(in_batches(source(), every=0)) as batches:
            return await anext(batches)

    assert asyncio.run(read()) == ([1], False)
    assert closed == [True]
