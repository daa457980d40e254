"""A service on this machine that a client of its protocol talks to as to the real one.

A test says what it answers; faults come first, one to a request. What was asked is kept.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request; names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """A body that is not text is sent as JSON; an iterator of texts is sent part by part."""

    body: Any = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Service:
    """`url` is where it listens, without a slash at the end."""

    def __init__(self, respond: Callable[[Asked], Answer]) -> None:
        self.respond = respond
        self.faults: deque[Answer] = deque()
        self.asked: list[Asked] = []
        self.url = ""

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.faults.popleft() if self.faults else self.respond(asked)


@contextmanager
def serving(respond: Callable[[Asked], Answer]) -> Iterator[Service]:
    """Yield a service that answers as `respond` does, on a port of its own."""
    service = Service(respond)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(content) if content else None
            self._send(service.answer(Asked(self.command, self.path, headers, body)))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            is_text = isinstance(answer.body, str)
            is_streamed = isinstance(answer.body, Iterator)
            kind = "text/event-stream" if is_streamed else "application/json"
            for name, value in ({"Content-Type": kind} | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if is_streamed:
                for part in answer.body:
                    self.wfile.write(part.encode())
                    self.wfile.flush()
            else:
                self.wfile.write((answer.body if is_text else json.dumps(answer.body)).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    # Polled often: a shutdown waits for the next look.
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
