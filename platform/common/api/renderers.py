"""Representations beside JSON."""

from typing import Any

from rest_framework.renderers import BaseRenderer


class EventStreamRenderer(BaseRenderer):
    """Lets a client ask for server-sent events. The stream is an answer of its own, not data."""

    media_type = "text/event-stream"
    format = "stream"
    charset: str | None = None

    def render(self, data: Any, accepted_media_type: Any = None, context: Any = None) -> bytes:
        raise AssertionError("a view that streams returns the stream, a problem is JSON")


class MarkdownRenderer(EventStreamRenderer):
    """Lets a client ask for Markdown (`?format=md`), which is streamed as well."""

    media_type = "text/markdown"
    format = "md"
    charset = "utf-8"
