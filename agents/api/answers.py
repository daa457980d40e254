"""Answers that come while a model thinks, held by no transaction, connection or thread."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from asgiref.sync import SyncToAsync, async_to_sync
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from tenants.responses import Continued

Parts = AsyncGenerator[bytes, None]


def streamed(
    request: Any,
    parts: Parts,
    *,
    content_type: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HttpResponseBase:
    """Send the parts as they come. A server of threads (WSGI) waits for all of them instead."""
    headers = {"X-Accel-Buffering": "no", **(headers or {})}  # nginx would collect them
    options: dict[str, Any] = {"status": status, "content_type": content_type, "headers": headers}
    if isinstance(request._request, ASGIRequest):
        return StreamingHttpResponse(_without_a_thread(parts), **options)
    return Continued(lambda: HttpResponse(awaited(parts), **options))


def give_back_thread() -> None:
    """Give back the thread in which the view ran: asgiref keeps it until the request has ended.

    Whatever needs one after this is given another.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor: Any = context and SyncToAsync.context_to_thread_executor.pop(context, None)
    if executor:
        executor.shutdown(wait=False)


async def _without_a_thread(parts: Parts) -> Parts:
    give_back_thread()
    async with aclosing(parts):
        async for part in parts:
            yield part


def awaited(parts: Parts) -> bytes:
    """Wait for all parts in this thread."""
    return async_to_sync(_joined)(parts)


async def _joined(parts: Parts) -> bytes:
    return b"".join([part async for part in parts])
