"""Every way in which a provider can go wrong, as bytes on a connection."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Protocol as Interface

from agents.providers.fake.protocols import Protocol
from agents.providers.fake.script import Answer

Usage = dict[str, int]  # "input", "cached" and "output" tokens, as they were told the client
FOREVER = 3600.0  # seconds; whoever waits gives up earlier
MANY_CALLS = 1_000
FLOOD_BYTES = 100_000_000
LONG_LINE = 8_000_000  # characters


class Exchange(Interface):
    """What a fault can do with a connection."""

    protocol: Protocol
    model: str

    async def head(
        self, status: int = 200, content_type: str = "text/event-stream", **more: str
    ) -> None: ...
    async def send(self, data: bytes) -> None: ...
    async def raw(self, data: bytes) -> None: ...
    async def end(self) -> None: ...
    def abort(self) -> None: ...
    def tell(self, usage: Usage | None) -> None: ...


Fault = Callable[[Exchange, Answer], Awaitable[None]]


async def answered(exchange: Exchange, answer: Answer) -> None:
    """No fault."""
    await exchange.head()
    await _sent(exchange, exchange.protocol.frames(answer, exchange.model), answer)
    exchange.tell(answer.usage)
    await exchange.end()


async def _sent(exchange: Exchange, frames: Iterable[bytes], answer: Answer) -> None:
    for frame in frames:
        if answer.delay:
            await asyncio.sleep(answer.delay)
        await exchange.send(frame)


def _status(status: int) -> Fault:
    async def fault(exchange: Exchange, answer: Answer) -> None:
        more = {"Retry_After": answer.retry_after} if answer.retry_after else {}
        await exchange.head(status, "application/json", **more)
        await exchange.send(json.dumps(exchange.protocol.error(status)).encode())
        await exchange.end()

    return fault


async def _disconnect(exchange: Exchange, answer: Answer) -> None:
    exchange.abort()


async def _hang_before_headers(exchange: Exchange, answer: Answer) -> None:
    await asyncio.sleep(FOREVER)


async def _hang_after_headers(exchange: Exchange, answer: Answer) -> None:
    await exchange.head()
    await asyncio.sleep(FOREVER)


async def _hang_in_the_middle(exchange: Exchange, answer: Answer) -> None:
    await _begun(exchange, answer)
    await asyncio.sleep(FOREVER)


async def _slow_headers(exchange: Exchange, answer: Answer) -> None:
    while True:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 4_000:
            await exchange.raw(bytes([byte]))
            await asyncio.sleep(answer.seconds)


async def _drip(exchange: Exchange, answer: Answer) -> None:
    await exchange.head()
    for frame in exchange.protocol.frames(answer, exchange.model):
        for byte in frame:
            await exchange.send(bytes([byte]))
            await asyncio.sleep(answer.seconds)
    exchange.tell(answer.usage)


async def _keep_alives(exchange: Exchange, answer: Answer) -> None:
    await exchange.head()
    while True:
        await exchange.send(exchange.protocol.keep_alive)
        await asyncio.sleep(answer.seconds)


async def _begun(exchange: Exchange, answer: Answer) -> None:
    """Send everything up to the middle of the text."""
    await exchange.head()
    protocol, pieces = exchange.protocol, answer.pieces()
    await _sent(exchange, protocol.opening(answer, exchange.model), answer)
    exchange.tell(protocol.usage_at_first(answer))
    await _sent(exchange, (protocol.text(p) for p in pieces[: len(pieces) // 2]), answer)


async def _cut(exchange: Exchange, answer: Answer) -> None:
    await _begun(exchange, answer)
    exchange.abort()


async def _cut_in_json(exchange: Exchange, answer: Answer) -> None:
    await _begun(exchange, answer)
    frame = exchange.protocol.text("unfinished")
    await exchange.send(frame[: frame.index(b"unfin") + 5])
    exchange.abort()


async def _cut_in_utf8(exchange: Exchange, answer: Answer) -> None:
    await _begun(exchange, answer)
    frame = exchange.protocol.text("€")
    await exchange.send(frame[: frame.index("€".encode()) + 1])
    exchange.abort()


async def _ends_in_json(exchange: Exchange, answer: Answer) -> None:
    await _begun(exchange, answer)
    frame = exchange.protocol.text("unfinished")
    await exchange.send(frame[: frame.index(b"unfin") + 5] + b"\n\n")
    await exchange.end()


async def _missing_end(exchange: Exchange, answer: Answer) -> None:
    await _begun(exchange, answer)
    await exchange.end()


async def _wrong_type(exchange: Exchange, answer: Answer) -> None:
    await exchange.head(content_type="text/html")
    await exchange.send(b"<html><body>Sign in to this network</body></html>")
    await exchange.end()


async def _error_body(exchange: Exchange, answer: Answer) -> None:
    await exchange.head(content_type="application/json")
    await exchange.send(json.dumps(exchange.protocol.error(500)).encode())
    await exchange.end()


async def _error_event(exchange: Exchange, answer: Answer) -> None:
    await _begun(exchange, answer)
    await exchange.send(exchange.protocol.error_event(529))
    await exchange.end()


async def _no_json(exchange: Exchange, answer: Answer) -> None:
    await exchange.head()
    await exchange.send(b"event: message_start\ndata: {this is not JSON}\n\n")
    await exchange.end()


async def _no_http(exchange: Exchange, answer: Answer) -> None:
    await exchange.raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    exchange.abort()


async def _redirect(exchange: Exchange, answer: Answer) -> None:
    await exchange.head(302, "text/plain", Location=answer.location or "http://127.0.0.1:9/")
    await exchange.end()


async def _flood(exchange: Exchange, answer: Answer) -> None:
    await exchange.head()
    await _sent(exchange, exchange.protocol.opening(answer, exchange.model), answer)
    exchange.tell(exchange.protocol.usage_at_first(answer))
    frame = exchange.protocol.text("x" * 10_000)
    for _ in range(FLOOD_BYTES // len(frame)):
        await exchange.send(frame)
    await exchange.end()


async def _double_finish(exchange: Exchange, answer: Answer) -> None:
    await exchange.head()
    protocol = exchange.protocol
    await _sent(exchange, protocol.opening(answer, exchange.model), answer)
    await _sent(exchange, (protocol.text(piece) for piece in answer.pieces()), answer)
    await _sent(exchange, protocol.finish(answer), answer)
    await _sent(exchange, protocol.finish(replace(answer, finish="length")), answer)
    await _sent(exchange, protocol.closing(answer), answer)
    exchange.tell(answer.usage)
    await exchange.end()


async def _empty(exchange: Exchange, answer: Answer) -> None:
    await exchange.head()
    for frame in exchange.protocol.frames(answer, exchange.model):
        await exchange.send(exchange.protocol.empty())
        await exchange.send(frame)
    exchange.tell(answer.usage)
    await exchange.end()


def _instead(**changes: object) -> Fault:
    """An answer that is written as the protocol wants it, and is strange in what it says."""

    async def fault(exchange: Exchange, answer: Answer) -> None:
        await answered(exchange, replace(answer, **changes))  # type: ignore[arg-type]

    return fault


def _asked(name: str, arguments: object, count: int = 1) -> list[dict[str, object]]:
    return [
        {"id": f"call-{number}", "name": name, "arguments": arguments} for number in range(count)
    ]


FAULTS: dict[str, Fault] = {
    **{str(status): _status(status) for status in (400, 401, 403, 404, 429, 500, 503, 529)},
    "disconnect": _disconnect,
    "hang_before_headers": _hang_before_headers,
    "hang_after_headers": _hang_after_headers,
    "hang_in_the_middle": _hang_in_the_middle,
    "slow_headers": _slow_headers,
    "drip": _drip,
    "keep_alives": _keep_alives,
    "cut": _cut,
    "cut_in_json": _cut_in_json,
    "cut_in_utf8": _cut_in_utf8,
    "ends_in_json": _ends_in_json,
    "missing_end": _missing_end,
    "wrong_type": _wrong_type,
    "error_body": _error_body,
    "error_event": _error_event,
    "no_json": _no_json,
    "no_http": _no_http,
    "redirect": _redirect,
    "flood": _flood,
    "double_finish": _double_finish,
    "empty": _empty,
    "no_usage": _instead(usage=None),
    "absurd_usage": _instead(usage={"input": 10**30, "cached": -5, "output": 10**30}),
    "nul": _instead(text="Five\x00 days.\x00"),
    "lone_surrogate": _instead(text="Five\ud800 days.", piece=100),
    "line_separators": _instead(text="Five\u2028days\u0085exactly."),
    "long_line": _instead(text="x" * LONG_LINE, piece=LONG_LINE),
    "many_tool_calls": _instead(tool_calls=_asked("search_knowledge", {}, MANY_CALLS)),
    "unknown_tool": _instead(tool_calls=_asked("launch_rockets", {"count": 3})),
    "malformed_arguments": _instead(tool_calls=_asked("search_knowledge", '{"query": "lea')),
}
