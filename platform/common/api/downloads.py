"""Files as downloads."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from csp.constants import NONE
from django.http import FileResponse, HttpResponseBase
from django.utils.cache import get_conditional_response

from common.api.problems import Problem
from common.api.ranges import NotSatisfiable, Span, asked_span


def download(request: Any, file: Any, *, filename: str, size: int, sha256: str) -> HttpResponseBase:
    """Answer with a stored file, or with the part of it that is asked for (RFC 9110).

    The digest of its bytes is the validator: who resumes by `If-Range` gets the rest of the same
    file, or another one whole. Several ranges at once get all of it. The file is closed with the
    response. Raises Problem (412, 416).
    """
    tag = f'"{sha256}"'
    try:
        if conditional := _unless_wanted(request, tag):
            file.close()
            return conditional
        span = _span(request, size, tag)
    except Problem:
        file.close()
        raise
    return Download(file, filename=filename, size=size, tag=tag, span=span, method=request.method)


def _unless_wanted(request: Any, tag: str) -> HttpResponseBase | None:
    """304 to who has the file; a Problem (412) to who wanted another; None to all others."""
    answer = get_conditional_response(request, etag=tag)
    if answer is None:
        return None
    if answer.status_code == 412:
        raise Problem(412, "The file is not the one that the request is about.")
    answer["ETag"] = tag
    return answer


def _span(request: Any, size: int, tag: str) -> Span | None:
    """Only GET knows ranges; and an If-Range that names another version asks for the whole."""
    header = request.headers.get("Range")
    if header is None or request.method != "GET":
        return None
    if request.headers.get("If-Range", tag).strip() != tag:
        return None
    try:
        return asked_span(header, size)
    except NotSatisfiable:
        raise Problem(
            416,
            f"The file has {size:,} bytes, and none of those asked for.",
            headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"},
        )


class Download(FileResponse):
    """A stored file that a browser saves and never shows: whoever uploaded it chose its bytes.

    Read piece by piece by either kind of server; Django's own response would be read whole into
    memory under ASGI.
    """

    def __init__(
        self,
        file: Any,
        *,
        filename: str,
        size: int,
        tag: str,
        span: Span | None = None,
        method: str = "GET",
    ):
        sent = span or Span(0, size)
        super().__init__(
            _Part(file, Span(0, 0) if method == "HEAD" else sent),
            as_attachment=True,
            filename=filename,
            content_type="application/octet-stream",
            status=206 if span else 200,
            headers={
                "X-Content-Type-Options": "nosniff",
                "Accept-Ranges": "bytes",
                "ETag": tag,
            },
        )
        self["Content-Length"] = str(sent.size)
        if span:
            self["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
        # Should a browser show it all the same, it runs nothing and knows nobody.
        self._csp_replace = {"default-src": [NONE], "sandbox": True}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        part: Any = self.file_to_stream
        while piece := await asyncio.to_thread(part.read, self.block_size):
            yield piece


class _Part:
    """Some bytes of a file, as a file."""

    def __init__(self, file: Any, span: Span):
        self.file = file
        self.left = span.size
        if span.start:
            file.seek(span.start)

    def read(self, size: int = -1) -> bytes:
        piece = self.file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(piece)
        return piece

    def close(self) -> None:
        self.file.close()
