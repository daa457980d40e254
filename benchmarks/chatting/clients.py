"""Who asks, over HTTP, and when each token of the answers came."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from benchmarks.chatting.processes import PIECE

PATIENCE = 120.0  # seconds for one answer


@dataclass
class Stream:
    """One answer: when it was asked for, and what came when."""

    asked_at: float = 0.0
    parts: list[tuple[float, bytes]] = field(default_factory=list)
    error: str = ""
    text: str = ""
    tokens_at: list[float] = field(default_factory=list)

    @property
    def first_after(self) -> float:
        return self.tokens_at[0] - self.asked_at

    def gaps(self) -> list[float]:
        return [b - a for a, b in zip(self.tokens_at, self.tokens_at[1:], strict=False)]


@dataclass(frozen=True)
class Call:
    """A request that is answered by a stream."""

    url: str
    body: dict[str, Any]
    headers: dict[str, str]


def ask_all(
    calls: Sequence[Call], said: Callable[[bytes], str], *, starting: float, at_once: int
) -> list[Stream]:
    """Ask all, begun evenly within `starting` seconds, and so many at once; return what came."""

    async def ask_each() -> list[Stream]:
        limits = httpx2.Limits(max_connections=1_000, max_keepalive_connections=1_000)
        room = asyncio.Semaphore(at_once)
        async with httpx2.AsyncClient(timeout=PATIENCE, limits=limits, trust_env=False) as client:
            pause = starting / len(calls)
            asking = [_ask(client, call, room, pause * n) for n, call in enumerate(calls)]
            return await asyncio.gather(*asking)

    streams = asyncio.run(ask_each())
    for stream in streams:
        _read(stream, said)
    return streams


async def _ask(
    client: httpx2.AsyncClient, call: Call, room: asyncio.Semaphore, pause: float
) -> Stream:
    await asyncio.sleep(pause)
    async with room:
        stream = Stream(asked_at=time.perf_counter())
        try:
            async with client.stream(
                "POST", call.url, json=call.body, headers=call.headers
            ) as answer:
                async for part in answer.aiter_raw():
                    stream.parts.append((time.perf_counter(), part))
                if answer.status_code >= 400:
                    stream.error = f"HTTP {answer.status_code}"
        except httpx2.HTTPError as error:
            stream.error = repr(error)
        return stream


def _read(stream: Stream, said: Callable[[bytes], str]) -> None:
    """Find the text in what came: reading it only now takes nothing from the processors."""
    rest = b""
    for at, part in stream.parts:
        *frames, rest = (rest + part).split(b"\n\n")
        stream.text += "".join(map(said, frames))
        new = len(stream.text) // PIECE - len(stream.tokens_at)
        stream.tokens_at += [at] * new


def said_by_chancery(frame: bytes) -> str:
    if b"event: text.delta" not in frame:
        return ""
    return json.loads(frame.partition(b"data: ")[2])["text"]


def said_by_provider(frame: bytes) -> str:
    data = frame.removeprefix(b"data: ")
    choices = data != b"[DONE]" and json.loads(data)["choices"]
    return choices[0]["delta"].get("content", "") if choices else ""
