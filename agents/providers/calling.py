"""One call of a model over HTTP: deadlines, retries, and errors that are ours.

A call is tried again only before the first piece of its answer: what somebody has read is not taken
back. No thread, connection of the database or transaction is held meanwhile.
"""

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from agents.providers.access import Access
from agents.providers.clients import Make, clients
from agents.providers.errors import Broken, ProviderError, TimedOut, of_event
from agents.providers.limits import Limits, current_limits
from agents.providers.protocol import AnswerEvent
from agents.providers.reply import Reply

T = TypeVar("T")
# Opens the stream of a response with a library's client.
Open = Callable[[Any], Awaitable[AsyncIterator[Any]]]

_END = object()
_CLOSING_SECONDS = 1.0

logger = logging.getLogger(__name__)


async def call(
    access: Access, make: Make, open_stream: Open, new_reply: Callable[[Limits], Reply]
) -> AsyncGenerator[AnswerEvent, None]:
    """Yield what the model answers, after as many attempts as the limits allow."""
    limits = current_limits()
    of_loop = await clients()
    client = of_loop.take(access, make)
    try:
        for attempt in range(limits.retries + 1):
            reply = new_reply(limits)
            failure: ProviderError | None = None
            try:
                async with aclosing(_attempt(client, open_stream, reply, limits)) as events:
                    async for event in events:
                        yield event
                return
            except ProviderError as error:
                failure = error
            pause = _pause(failure, attempt, limits)
            if reply.has_begun or pause is None:
                raise failure
            logger.info("A call of %s is tried again: %s.", access.kind, failure)
            await asyncio.sleep(pause)
    finally:
        await of_loop.give_back(access)


async def _attempt(
    client: Any, open_stream: Open, reply: Reply, limits: Limits
) -> AsyncGenerator[AnswerEvent, None]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.first_token_seconds
    stream: Any = None
    failure: ProviderError | None = None
    try:
        stream = await _until(deadline, open_stream(client))
        chunks = aiter(stream)
        while (chunk := await _until(deadline, anext(chunks, _END))) is not _END:
            for event in reply.read(chunk):
                yield event
            if reply.has_begun:
                deadline = loop.time() + limits.silence_seconds
        for event in reply.end():
            yield event
    except TimeoutError:
        failure = TimedOut("silence" if reply.has_begun else "first token")
    except Exception as error:  # noqa: BLE001 (whatever a library raises becomes an error of ours)
        failure = _typed(error)
    finally:
        await _close(stream)
    # Outside of the handler, so that nothing of the library's hangs on to it.
    if failure:
        if reply.usage:
            yield reply.usage
        raise failure


async def _until(deadline: float, waited: Awaitable[T]) -> T:
    async with asyncio.timeout_at(deadline):
        return await waited


async def _close(stream: Any) -> None:
    """Close the connection of a response, whoever reads it."""
    if stream is None:
        return
    close = getattr(stream, "aclose", None) or stream.close
    with suppress(Exception):
        async with asyncio.timeout(_CLOSING_SECONDS):
            await close()


def _typed(error: BaseException) -> ProviderError:
    """Find the transport's error behind a library's, or say what the library's means."""
    found: BaseException | None = error
    while found:
        if isinstance(found, ProviderError):
            return found
        found = found.__cause__ or found.__context__
    body = getattr(error, "body", None) or getattr(error, "details", None)
    if body:
        return of_event(body)
    return Broken("not JSON" if isinstance(error, json.JSONDecodeError) else type(error).__name__)


def _pause(failure: ProviderError, attempt: int, limits: Limits) -> float | None:
    """Seconds to wait before trying again; None where that makes no sense."""
    if not failure.is_passing or attempt >= limits.retries:
        return None
    # Many turns that failed at the same moment do not come back at the same moment.
    pause = limits.retry_seconds * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311
    pause = max(pause, failure.retry_after or 0.0)
    return pause if pause <= limits.longest_retry_seconds else None
