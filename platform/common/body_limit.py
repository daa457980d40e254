"""Requests with more of a body than anything here takes are refused before they fill a disk.

Django's ASGI handler stores the whole body before any view, or even who is asking, is looked at.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]

# A client that is still sending does not read the answer. Somewhat more than the limit is read and
# thrown away for its sake; who sends still more finds the connection closed.
_THROWN_AWAY = 2


class _TooLarge(Exception):
    """The body has passed the limit."""


class BodyLimit:
    """Answers 413 to a request whose body has more than `limit` bytes."""

    def __init__(self, app: App, limit: int):
        self.app = app
        self.limit = limit

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(receive, self.limit)
        try:
            if _declared_length(scope) > self.limit:
                raise _TooLarge
            await self.app(scope, body.receive, send)
        except _TooLarge:
            await body.throw_away(up_to=self.limit * _THROWN_AWAY)
            await _refuse(send, self.limit)


class _Body:
    """What has come of a request's body, and whether there is more."""

    def __init__(self, receive: Receive, limit: int):
        self._receive = receive
        self.limit = limit
        self.size = 0
        self.has_more = True

    async def receive(self) -> Message:
        message = await self._next()
        if self.size > self.limit:
            raise _TooLarge
        return message

    async def throw_away(self, *, up_to: int) -> None:
        while self.has_more and self.size <= up_to:
            await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self.size += len(message.get("body", b""))
        self.has_more = message.get("more_body", False)
        return message


def _declared_length(scope: MutableMapping[str, Any]) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(send: Send, limit: int) -> None:
    problem = {
        "type": "urn:chancery:too-large",
        "title": "Request Entity Too Large",
        "status": 413,
        "detail": f"The request is larger than {limit:,} bytes.",
    }
    body = json.dumps(problem).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
