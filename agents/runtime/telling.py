"""Telling who watches a reply what its model says, before that is kept.

Text is kept in batches, a transaction for each turn. Telling it takes one statement for all turns
of a process, which changes no row, so it can be done more often. What is told belongs to the event
that comes next, from its beginning on: whoever missed something is told it again, and once the
event is kept the rest of it is all that is missing. Where that cannot be said (something else than
text was said meanwhile), nothing is told until the next batch.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from uuid import UUID

import psycopg

from agents.providers.protocol import TextDelta
from agents.runtime.loop import LoopEvent
from agents.runtime.notifications import connection_parameters, text_line, texts_channel

TELL_EVERY_SECONDS = 0.025
PAUSE_SECONDS = 2.0  # after a connection was lost: what is kept is announced all the same
MOST_BYTES = 7_900  # of a notification; PostgreSQL takes less than 8,000

logger = logging.getLogger(__name__)
_tellers: dict[asyncio.AbstractEventLoop, "_Teller"] = {}


class Telling:
    """What the model of one turn has said since the last batch, which takes it from `said`."""

    def __init__(self, reply_id: UUID) -> None:
        self.said: list[LoopEvent] = []
        self._reply_id = reply_id
        self._after: int | None = None  # sequence of the last event before; the first has no delay
        self._text = ""

    async def all_of(
        self, answer: AsyncGenerator[LoopEvent, None]
    ) -> AsyncGenerator[LoopEvent, None]:
        """Yield what is said, and have it told."""
        async with aclosing(answer):
            async for said in answer:
                self.said.append(said)
                if self._after is not None:
                    self._tell(said)
                yield said

    def begin(self, *, after: int) -> None:
        """Begin anew: what was said until now will be events up to that sequence."""
        self._after, self._text = after, ""

    def _tell(self, said: LoopEvent) -> None:
        if not isinstance(said, TextDelta):
            self._after = None
            return
        self._text += said.text.replace("\x00", "")  # as it is kept
        assert self._after is not None
        line = text_line(self._reply_id, self._after, self._text)
        if len(line.encode()) <= MOST_BYTES:
            _teller().tell(self._reply_id, line)


def _teller() -> "_Teller":
    loop = asyncio.get_running_loop()
    return _tellers.get(loop) or _tellers.setdefault(loop, _Teller(loop))


class _Teller:
    """Tells for all turns of one event loop, with a connection of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lines: dict[UUID, str] = {}
        self._news = asyncio.Event()
        self._task = loop.create_task(self._tell_until_cancelled(), name="what models say")

    def tell(self, reply_id: UUID, line: str) -> None:
        self._lines[reply_id] = line
        self._news.set()

    async def _tell_until_cancelled(self) -> None:
        try:
            while True:
                try:
                    await self._tell()
                except psycopg.Error as error:
                    logger.warning("What models say is told when it is kept: %s", error)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            _tellers.pop(asyncio.get_running_loop(), None)

    async def _tell(self) -> None:
        async with await psycopg.AsyncConnection.connect(**connection_parameters()) as connection:
            # Nothing is written that a crash could lose.
            await connection.execute("SET synchronous_commit = off")
            while True:
                await self._news.wait()
                self._news.clear()
                lines = list(self._lines.values())
                self._lines.clear()
                await connection.execute(
                    "SELECT pg_notify(%s, told) FROM unnest(%s::text[]) AS told",
                    [texts_channel(), list(_payloads(lines))],
                )
                await asyncio.sleep(TELL_EVERY_SECONDS)


def _payloads(lines: list[str]) -> Iterator[str]:
    """As many lines in each as it takes."""
    payload = ""
    for line in lines:
        together = f"{payload}\n{line}" if payload else line
        if len(together.encode()) > MOST_BYTES:
            yield payload
            together = line
        payload = together
    if payload:
        yield payload
