"""Fake providers for tests: in a thread of their own, so that a test may use what loop it likes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from agents.providers.fake.script import Answer, Script
from agents.providers.fake.server import Received, serving


@dataclass
class FakeServer:
    """`received` are the requests in their order, `told` what usage was sent; `left` how many
    connections clients closed."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    told: list[dict[str, int]] = field(default_factory=list)
    left: int = 0

    def count_one_who_left(self) -> None:
        self.left += 1


@contextmanager
def fake_server(protocol: str, *answers: Answer, key: str = "") -> Iterator[FakeServer]:
    """Serve these answers on a loopback address while the block runs."""
    server = FakeServer()
    loop = asyncio.new_event_loop()
    is_ready, is_done = threading.Event(), asyncio.Event()

    async def serve() -> None:
        script = Script(answers)
        logs: Any = {
            "log": server.received.append,
            "tell": server.told.append,
            "left": server.count_one_who_left,
        }
        async with serving(protocol, script, **logs, key=key) as server.url:
            is_ready.set()
            await is_done.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name=f"fake {protocol}")
    thread.start()
    try:
        assert is_ready.wait(10)
        yield server
    finally:
        loop.call_soon_threadsafe(is_done.set)
        thread.join(10)
