"""Who the API serves: whoever `OrganizationMiddleware` found before the view ran."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

_CHALLENGE = 'Bearer realm="api"'


class OrganizationAuthentication(BaseAuthentication):
    """The caller by bearer token, or by a session, which needs the CSRF token to change things."""

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        found = request._request
        if found.bearer_refused:
            raise AuthenticationFailed("The bearer token is unknown, ended or expired.")
        if not found.user.is_authenticated:
            return None
        if found.token is None:
            _enforce_csrf(found)
        return found.user, found.token

    def authenticate_header(self, request: Any) -> str:
        return _CHALLENGE


def _enforce_csrf(request: Any) -> None:
    """Check what Django's middleware leaves to API views."""
    check: Any = CSRFCheck(lambda request: HttpResponse())
    check.process_request(request)
    if reason := check.process_view(request, None, (), {}):
        raise PermissionDenied(f"CSRF failed: {reason}")


class OrganizationScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI schema describes it: either of the two."""

    target_class = OrganizationAuthentication
    name = ["token", "session"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {"type": "http", "scheme": "bearer"},
            {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME},
        ]
