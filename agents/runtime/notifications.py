"""How a process learns that another has added events to a turn: one listening connection.

Each event loop that waits has one plain connection (not from the pool, which it would keep), on
which PostgreSQL tells it which reply has new events, and what the model has said since, which is
not kept yet (`agents.runtime.telling`). A notification can be lost while that connection is being
made anew, so whoever waits also looks from time to time.
"""

import asyncio
import json
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.crypto import salted_hmac

CHANNEL = "agents_turn_events"
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
# A server that vanishes without a word is noticed in about a minute.
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

logger = logging.getLogger(__name__)
_listeners: dict[asyncio.AbstractEventLoop, "_Listener"] = {}


def payload(reply_id: UUID, sequence: int, *, is_end: bool = False) -> str:
    """What a notification says: the reply, the last of its events, and whether that is its end."""
    return f"{reply_id} {sequence}{' end' if is_end else ''}"


def text_line(reply_id: UUID, after: int, text: str) -> str:
    """One reply's line in a notification of `texts_channel`."""
    return json.dumps([str(reply_id), after, text], ensure_ascii=False, separators=(",", ":"))


def texts_channel() -> str:
    """The channel of what is said. Any login of the database may listen, so the name is a secret:
    the platform's login sees no content."""
    return "agents_said_" + salted_hmac("agents.said", CHANNEL).hexdigest()[:32]


class Waiter:
    """One who waits for events of a reply beyond `seen`, the last sequence they know.

    With `ends_alone` it is the final one that they wait for.
    """

    def __init__(self, *, ends_alone: bool = False) -> None:
        self.seen = 0
        self._ends_alone = ends_alone
        self._news = asyncio.Event()
        self._must_look = False
        self._heard = (0, "")

    def wake(self) -> None:
        self._must_look = True
        self._news.set()

    def hear(self, after: int, text: str) -> None:
        """Take what was said after the event of that sequence, from its beginning on."""
        if not self._ends_alone:
            self._heard = after, text
            self._news.set()

    def heard(self) -> str:
        """What was said after `seen`, and is not kept yet."""
        after, text = self._heard
        return text if after == self.seen else ""

    def tell(self, sequence: int, *, is_end: bool) -> None:
        if sequence > self.seen and (is_end or not self._ends_alone):
            self.wake()

    async def wait(self, seconds: float) -> bool:
        """Return when there may be something new, or after that many seconds; whether one should
        look, because it is more than what is heard."""
        must_look = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
                must_look = self._must_look
        self._news.clear()
        self._must_look = False
        return must_look


@contextmanager
def waiting_for(reply_id: UUID, *, ends_alone: bool = False) -> Iterator[Waiter]:
    """Yield a Waiter for a reply. Wait first, then read: news of before are told again."""
    loop = asyncio.get_running_loop()
    listener = _listeners.get(loop) or _listeners.setdefault(loop, _Listener(loop))
    waiter = Waiter(ends_alone=ends_alone)
    waiters = listener.waiters.setdefault(str(reply_id), set())
    waiters.add(waiter)
    try:
        yield waiter
    finally:
        waiters.discard(waiter)
        if not waiters and listener.waiters.get(str(reply_id)) is waiters:
            del listener.waiters[str(reply_id)]


class _Listener:
    """The listening connection of one event loop, made anew when it is lost."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.waiters: dict[str, set[Waiter]] = {}
        self._pause = FIRST_PAUSE_SECONDS
        self._task = loop.create_task(self._listen_until_cancelled(), name="turn events")

    async def _listen_until_cancelled(self) -> None:
        try:
            while True:
                try:
                    await self._listen()
                except psycopg.Error as error:
                    logger.warning("No news of turns for %.1f s: %s", self._pause, error)
                # Not all processes at the same moment.
                await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311
                self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        finally:
            _listeners.pop(asyncio.get_running_loop(), None)

    async def _listen(self) -> None:
        parameters = connection_parameters()
        async with await psycopg.AsyncConnection.connect(**parameters) as connection:
            await connection.execute(f"LISTEN {CHANNEL}; LISTEN {texts_channel()}")
            self._pause = FIRST_PAUSE_SECONDS
            self._wake_everybody()  # what was told before now, nobody heard
            async for notification in connection.notifies():
                if notification.channel == CHANNEL:
                    self._dispatch(notification.payload)
                else:
                    self._dispatch_texts(notification.payload)

    def _wake_everybody(self) -> None:
        for waiters in self.waiters.values():
            for waiter in waiters:
                waiter.wake()

    def _dispatch(self, text: str) -> None:
        reply_id, sequence, *rest = text.split(" ")
        for waiter in self.waiters.get(reply_id, ()):
            waiter.tell(int(sequence), is_end=bool(rest))

    def _dispatch_texts(self, payload: str) -> None:
        for line in payload.split("\n"):
            if waiters := self.waiters.get(line[2:38]):
                _, after, text = json.loads(line)
                for waiter in waiters:
                    waiter.hear(after, text)


def connection_parameters() -> dict[str, Any]:
    """The application's login and database, without what is Django's own."""
    parameters = connections[DEFAULT_DB_ALIAS].get_connection_params()
    for ours in ("cursor_factory", "context"):
        parameters.pop(ours, None)
    return parameters | _KEEPALIVES | {"autocommit": True}
