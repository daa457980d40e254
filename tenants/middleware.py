"""Who is asking, and for which organization: one middleware for sessions and tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.db import DEFAULT_DB_ALIAS, transaction

from common.addresses import client_address
from common.connections import let_go
from tenants import lookup, staff_access
from tenants.audit.actor import Actor, acted_by
from tenants.context import PLATFORM_ALIAS, acting_as_platform, acting_for
from tenants.models.token import digest
from tenants.responses import Continued

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class OrganizationMiddleware(AuthenticationMiddleware):
    """Finds the caller and runs the view in one transaction that acts for their organization.

    Sets `request.user`, `request.token` (a dict of id and scopes, or None for a session),
    `request.bearer_refused`, and for a session of platform staff who act for an organization
    `request.user.staff_access`, which the database is asked for anew each time. An answer of 400
    and above changes nothing: what the view wrote is rolled back.
    """

    async_capable = False  # a transaction belongs to one thread, from here to the view and back

    def __call__(self, request: Any) -> Any:
        request.token = None
        request.bearer_refused = False
        if _is_sign_in(request):
            request.user = AnonymousUser()
        elif secret := _bearer(request):
            request.user = self._user_of_token(request, secret)
        else:
            self.process_request(request)  # the session's user
            _end_session_of_nobody(request)
        way, address = _way(request.path_info), client_address(request)
        actor = Actor.of(request.user, way=way, address=address)
        with acted_by(actor):
            with _acting(request) as alias:
                response: Any = self.get_response(request)
                if response.status_code >= 400 and alias:
                    transaction.set_rollback(True, using=alias)
            if isinstance(response, Continued):
                response = response.finish()
        if response.streaming:
            let_go()
        return response

    def _user_of_token(self, request: Any, secret: str) -> Any:
        user: Any = lookup.find_by_token(digest(secret))
        if user is None:
            request.bearer_refused = True
            return AnonymousUser()
        request.token = {"id": user.token_id, "scopes": user.token_scopes}
        return user


def _way(path: str) -> str:
    """How the caller came in, as the audit trail says it."""
    if path.startswith("/v1/"):
        return "api"
    return next((way for way in ("api", "admin") if path.startswith(f"/{way}/")), "web")


def _is_sign_in(request: Any) -> bool:
    return request.method == "POST" and request.path_info.startswith(settings.SIGN_IN_PATHS)


def _end_session_of_nobody(request: Any) -> None:
    """Whoever was switched off signs in again when they come back."""
    if not request.user.is_authenticated and SESSION_KEY in request.session:
        request.session.flush()


def _bearer(request: Any) -> str | None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


@contextmanager
def _acting(request: Any) -> Iterator[str | None]:
    """Act for the caller's organization, or as platform staff; yield the database alias in use."""
    user = request.user
    if not user.is_authenticated:
        yield None
        return
    chosen = _chosen_by_staff(request) if user.is_platform_staff else user.organization_id
    if user.is_platform_staff and chosen is None:
        with acting_as_platform():
            yield PLATFORM_ALIAS
    else:
        with acting_for(chosen, read_only=request.method in SAFE_METHODS):
            yield DEFAULT_DB_ALIAS


def _chosen_by_staff(request: Any) -> UUID | None:
    """The organization that platform staff act for just now. By a token they never do."""
    if request.token is not None:
        return None
    access = request.user.staff_access = staff_access.current(request.user)
    is_elsewhere = request.path_info not in settings.PLATFORM_PATHS
    return access.organization_id if access and is_elsewhere else None
