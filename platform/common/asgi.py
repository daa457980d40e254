"""Django's handler, for answers that are waited for without a thread."""

from typing import Any

import django
from django.core.handlers.asgi import ASGIHandler


class Handler(ASGIHandler):
    """Lets a response that has a coroutine `settle` find its status and headers before it is sent.

    By then all middleware has run and no thread is held. A client that goes away cancels it.
    """

    async def send_response(self, response: Any, send: Any) -> None:
        if settle := getattr(response, "settle", None):
            await settle()
        await super().send_response(response, send)


def get_application() -> Handler:
    """What Django's own `get_asgi_application` does, with this handler."""
    django.setup(set_prefix=False)
    return Handler()
