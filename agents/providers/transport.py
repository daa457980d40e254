"""The HTTP under every provider's client: who is talked to, with which headers, and how much.

The libraries never hold a key. It is put into the headers here, on the way out, so that no log,
exception or traceback of theirs can show it. Whatever else they or the environment would add to the
headers stays here as well.
"""

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpcore2
import httpx2

from agents.providers.access import Access, Kind
from agents.providers.errors import Broken, ProviderError, TooMuch, Unreachable, of_status
from agents.providers.guarded import GuardedBackend
from agents.providers.limits import Limits, current_limits

# What the libraries are given in place of the key.
NO_KEY = "added-on-the-way-out"

_KEPT_HEADERS = frozenset(
    {b"accept", b"anthropic-version", b"content-length", b"content-type", b"host"}
)
_CONNECTIONS = 1_000  # turns at the same time; a turn more waits
_IDLE_CONNECTIONS = 20
_IDLE_SECONDS = 30.0  # before a provider may have closed the connection
_ERROR_BYTES = 65_536  # of an error's body, for its code


class Transport(httpx2.AsyncBaseTransport):
    """Speaks to one provider. What goes wrong is a ProviderError."""

    def __init__(self, access: Access):
        self._key = [_key_header(access)] if access.api_key else []
        is_plain = access.base_url.startswith("http:")
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=GuardedBackend(is_plain=is_plain) if access.is_guarded else None,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        limits = current_limits()
        url = request.url
        call = httpcore2.Request(
            request.method,
            httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=self._headers(request),
            content=request.stream,
            extensions={"timeout": dict.fromkeys(("connect", "pool"), limits.connect_seconds)},
        )
        response = await self._send(call)
        body = Body(response, limits)
        if response.status != 200:
            raise await _error(response, body)
        headers = httpx2.Headers(response.headers)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "text/event-stream":
            await body.aclose()
            raise Broken("not an event stream")
        if headers.get("content-encoding", "identity") != "identity":
            await body.aclose()
            raise Broken("compressed")
        return httpx2.Response(200, headers=headers, stream=body)

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _send(self, call: httpcore2.Request) -> httpcore2.Response:
        try:
            return await self._pool.handle_async_request(call)
        except (httpcore2.TimeoutException, httpcore2.NetworkError, TimeoutError) as error:
            failure = Unreachable(type(error).__name__)
        except httpcore2.RemoteProtocolError as error:
            # The end of the connection before a response, or a response that is none.
            is_cut = "disconnected" in str(error)
            failure = Unreachable("disconnected") if is_cut else Broken("no HTTP")  # type: ignore[assignment]
        except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, ssl.SSLError) as error:
            failure = Broken(type(error).__name__)  # type: ignore[assignment]
        raise failure

    def _headers(self, request: httpx2.Request) -> list[tuple[bytes, bytes]]:
        kept = [
            (name, value) for name, value in request.headers.raw if name.lower() in _KEPT_HEADERS
        ]
        return [*kept, (b"accept-encoding", b"identity"), (b"user-agent", b"Chancery"), *self._key]


class Body(httpx2.AsyncByteStream):
    """A response's bytes, as many as allowed, in lines that are not longer than allowed."""

    def __init__(self, response: httpcore2.Response, limits: Limits):
        self._response = response
        self._limits = limits
        self._parts = self._read()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The same iterator each time: a library may read the rest of what another has begun."""
        return self._parts

    async def aclose(self) -> None:
        try:
            await self._parts.aclose()
        finally:
            await self._response.aclose()

    async def _read(self) -> AsyncGenerator[bytes, None]:
        total = line = 0
        failure: ProviderError | None = None
        try:
            async with aclosing(self._response.aiter_stream()) as parts:
                async for part in parts:
                    total += len(part)
                    line = _line_length(line, part)
                    if total > self._limits.max_bytes or line > self._limits.max_line_bytes:
                        failure = TooMuch("bytes" if total > self._limits.max_bytes else "line")
                        break
                    yield part
        except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError):
            failure = Broken("connection lost")
        if failure:
            raise failure


def _line_length(before: int, part: bytes) -> int:
    """How long the longest line is that ends in this part or is open at its end."""
    end = part.rfind(b"\n")
    if end < 0:
        return before + len(part)
    first = before + part.find(b"\n")
    return max(first, *(len(piece) for piece in part.split(b"\n")[1:]))


async def _error(response: httpcore2.Response, body: Body) -> ProviderError:
    if 300 <= response.status < 400:
        await body.aclose()
        return Broken(f"HTTP {response.status}: redirected")
    text = b""
    try:
        async for part in body:
            text += part
            if len(text) > _ERROR_BYTES:
                break
    except ProviderError:
        text = b""
    finally:
        await body.aclose()
    headers = httpx2.Headers(response.headers)
    return of_status(response.status, _json(text), retry_after=_retry_after(headers))


def _json(text: bytes) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found[0] if isinstance(found, list) and found else found  # Gemini sends lists


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds, from a number of them or from a date; None where there is neither."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value[:20])
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _key_header(access: Access) -> tuple[bytes, bytes]:
    key = access.api_key.encode()
    match access.kind:
        case Kind.OPENAI:
            return b"authorization", b"Bearer " + key
        case Kind.ANTHROPIC:
            return b"x-api-key", key
        case Kind.GEMINI:
            return b"x-goog-api-key", key


@cache
def _ssl_context() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=True)
