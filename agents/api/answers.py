"""Answers that come while a model thinks, held by no transaction, connection or thread."""

from collections.abc import AsyncGenerator
from typing import Any

from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from tenants.responses import Continued

Parts = AsyncGenerator[bytes, None]


def streamed(request: Any, parts: Parts, *, status: int, content_type: str) -> HttpResponseBase:
    """Send the parts as they come. A server of threads (WSGI) waits for all of them instead."""
    headers = {"X-Accel-Buffering": "no"}  # nginx would collect them
    options = {"status": status, "content_type": content_type, "headers": headers}
    if isinstance(request._request, ASGIRequest):
        return StreamingHttpResponse(parts, **options)
    return Continued(lambda: HttpResponse(awaited(parts), **options))


def awaited(parts: Parts) -> bytes:
    """Wait for all parts in this thread."""
    return async_to_sync(_joined)(parts)


async def _joined(parts: Parts) -> bytes:
    return b"".join([part async for part in parts])
