"""Answers whose status is known only when something has been waited for.

Nothing holds a transaction, a connection or a thread meanwhile: `common.asgi` waits, in the event
loop, before it sends the first byte.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from agents.api.answers import give_back_thread
from tenants.responses import Continued


@dataclass(frozen=True)
class Opening:
    """How an answer begins."""

    status: int
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


Part = Opening | bytes


def late(request: Any, parts: AsyncGenerator[Part, None]) -> HttpResponseBase:
    """Answer with the first part, an Opening, and what comes after it. A server of threads (WSGI)
    waits for all of it."""
    if isinstance(request._request, ASGIRequest):
        return _Late(parts)
    return Continued(lambda: async_to_sync(_finished)(parts))


class _Late(StreamingHttpResponse):
    def __init__(self, parts: AsyncGenerator[Part, None]):
        super().__init__(headers={"X-Accel-Buffering": "no"})  # nginx would collect them
        self._parts = parts

    async def settle(self) -> None:
        """Wait for the beginning (`common.asgi`)."""
        give_back_thread()
        _open(self, await anext(self._parts))
        self.streaming_content = self._parts


async def _finished(parts: AsyncGenerator[Part, None]) -> HttpResponse:
    response = HttpResponse()
    _open(response, await anext(parts))
    response.content = b"".join([part async for part in parts if isinstance(part, bytes)])
    return response


def _open(response: HttpResponseBase, opening: Part) -> None:
    assert isinstance(opening, Opening)
    response.status_code = opening.status
    for name, value in {"Content-Type": opening.content_type, **opening.headers}.items():
        response.headers[name] = value
