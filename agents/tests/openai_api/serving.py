"""The web process on a loopback address, in a thread of the test's own process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from django.db import connections

from common.asgi import Handler


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config):
        super().__init__(config)
        self.is_ready = threading.Event()

    async def startup(self, sockets: list | None = None) -> None:
        await super().startup(sockets)
        self.is_ready.set()


@contextmanager
def live_server() -> Iterator[str]:
    """Yield the address of `/v1`."""
    config = uvicorn.Config(Handler(), port=0, lifespan="off", log_level="critical")
    server = _Server(config)

    def run() -> None:
        asyncio.run(server.serve())
        connections.close_all()

    thread = threading.Thread(target=run, name="live server")
    thread.start()
    try:
        assert server.is_ready.wait(20)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join(20)
