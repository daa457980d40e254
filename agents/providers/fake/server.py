"""The HTTP of a fake provider: as little as it takes, so that every byte can be wrong."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from agents.providers.fake.faults import FAULTS, answered
from agents.providers.fake.protocols import PROTOCOLS, Protocol
from agents.providers.fake.script import Script

_LOOK_EVERY_SECONDS = 0.05
_KEYS = {"openai": "authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}


@dataclass(frozen=True)
class Received:
    """A request as it came. `key` is what stands in the protocol's header for it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    key: str
    port: int  # of the client: the same for all requests of a connection

    def as_log(self) -> dict[str, Any]:
        """For the log: of a key, which may be a real one by mistake, the end alone."""
        return {"path": self.path, "key_ends": self.key[-4:], "body": self.body}


Log = Callable[[Received], None]
Tell = Callable[[dict[str, int]], None]  # the usage that a client was told


class Connection:
    """One client's connection; an `Exchange` for the faults."""

    def __init__(self, writer: asyncio.StreamWriter, protocol: Protocol, tell: Tell):
        self.protocol = protocol
        self._tell = tell
        self.model = "fake"
        self._writer = writer
        self.port = writer.get_extra_info("peername")[1]

    async def head(
        self, status: int = 200, content_type: str = "text/event-stream", **more: str
    ) -> None:
        headers = {"Content-Type": content_type, "Transfer-Encoding": "chunked"}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        lines = [f"HTTP/1.1 {status} Scripted"] + [f"{n}: {v}" for n, v in headers.items()]
        await self.raw("\r\n".join([*lines, "", ""]).encode())

    async def send(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    def abort(self) -> None:
        with suppress(OSError):
            self._writer.write_eof()
        self._writer.close()

    def tell(self, usage: dict[str, int] | None) -> None:
        if usage:
            self._tell(usage)

    def is_closing(self) -> bool:
        return self._writer.is_closing()


@asynccontextmanager
async def serving(
    name: str,
    script: Script,
    *,
    log: Log,
    tell: Tell = lambda usage: None,
    host: str = "127.0.0.1",
    port: int = 0,
    key: str = "",
    left: Callable[[], None] = lambda: None,
) -> AsyncGenerator[str, None]:
    """Serve the protocol of that name; yield the base URL that a client of it wants.

    With a `key`, others are answered by 401. `tell` is called with each usage that was sent, `left`
    when a client closes its connection.
    """
    handlers: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        handlers.add(task)
        leaving = asyncio.create_task(_left(reader, left))
        has_left = False
        try:
            connection = Connection(writer, PROTOCOLS[name], tell)
            await _converse(reader, connection, name, script, log, key)
        except (ConnectionError, asyncio.IncompleteReadError):
            has_left = True
        except asyncio.CancelledError:
            pass  # asyncio would log it
        finally:
            handlers.discard(task)
            if not leaving.done():  # which would have told
                leaving.cancel()
                if has_left or reader.at_eof():
                    left()
            writer.close()

    server = await asyncio.start_server(handle, host, port, limit=2**20, family=socket.AF_INET)
    try:
        bound = server.sockets[0].getsockname()[1]
        yield f"http://{host}:{bound}" + ("/v1" if name == "openai" else "")
    finally:
        server.close()
        for task in list(handlers):
            task.cancel()
        if handlers:
            await asyncio.wait(handlers)


async def _left(reader: asyncio.StreamReader, left: Callable[[], None]) -> None:
    """Tell when the client closes its side, also while nothing is read."""
    while not reader.at_eof():
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
    left()


async def _converse(
    reader: asyncio.StreamReader,
    connection: Connection,
    name: str,
    script: Script,
    log: Log,
    key: str,
) -> None:
    while not connection.is_closing():
        received = await _read(reader, name, connection.port)
        if received is None:
            return
        log(received)
        connection.model = received.body.get("model") or "fake"
        answer = script.next()
        is_known = not key or received.key.removeprefix("Bearer ") == key
        fault = FAULTS.get(answer.fault, answered) if is_known else FAULTS["401"]
        await fault(connection, answer)


async def _read(reader: asyncio.StreamReader, name: str, port: int) -> Received | None:
    """Return the next request; None when there is no other."""
    line = await reader.readline()
    if not line:
        return None
    headers = {}
    while (header := (await reader.readline()).decode("latin-1").strip()) != "":
        field, _, value = header.partition(":")
        headers[field.lower()] = value.strip()
    text = await reader.readexactly(int(headers.get("content-length", 0)))
    path = line.decode("latin-1").split(" ")[1]
    try:
        body = json.loads(text or "{}")
    except ValueError:
        body = {}
    return Received(path, headers, body, headers.get(_KEYS[name], ""), port)
