from typing import Any

from django.http import HttpResponsePermanentRedirect
from django.middleware import common
from django.utils.deprecation import MiddlewareMixin

_NO_DEVICES = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class _SameMethodRedirect(HttpResponsePermanentRedirect):
    status_code = 308


class CommonMiddleware(common.CommonMiddleware):
    """Django's, which sends a path without its last slash to the one with it.

    The client asks there by the same method: by 301 a POST would become a GET, and seem to succeed.
    """

    response_redirect_class = _SameMethodRedirect


class HeadersMiddleware(MiddlewareMixin):
    """What Django's SecurityMiddleware does not say: no other site embeds or reads what is here,
    and no page uses the visitor's devices."""

    def process_response(self, request: Any, response: Any) -> Any:
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", _NO_DEVICES)
        return response
