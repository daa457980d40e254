"""Whether what somebody came in by still holds, for answers that take longer than a moment."""

import time
from typing import Any

from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from tenants import lookup
from tenants.models import AccessToken, User

ASK_EVERY_SECONDS = 1.0  # how much longer than their sign-in somebody may watch what goes on


class SignIn:
    """A request's token or session, with the password that its person had then."""

    def __init__(self, request: Any):
        self._user_id = request.user.pk
        self._password = request.user.get_session_auth_hash()
        self._scopes = getattr(request.user, "token_scopes", None)
        self._token_id = request.auth["id"] if request.auth else None
        self._session_key = request.session.session_key
        self._asked_at = time.monotonic()
        self._holds = True

    def holds(self) -> bool:
        """Whether a request would still be answered. Asks within a block of the organization's."""
        if self._holds and time.monotonic() >= self._asked_at + ASK_EVERY_SECONDS:
            self._asked_at = time.monotonic()
            self._holds = self._is_there() and self._is_the_persons()
        return self._holds

    def still_may(self, user: User) -> bool:
        """Whether the person, read anew with the rights of now, may go on with what they do."""
        return True

    def _is_there(self) -> bool:
        now = timezone.now()
        if self._token_id:
            return AccessToken.objects.filter(pk=self._token_id, expires_at__gt=now).exists()
        kept = Session.objects.filter(session_key=self._session_key, expire_date__gt=now)
        return kept.exists()

    def _is_the_persons(self) -> bool:
        user: Any = lookup.find_by_id(self._user_id)
        if user is None or not constant_time_compare(user.get_session_auth_hash(), self._password):
            return False
        if self._scopes is not None:
            user.token_scopes = self._scopes
        return self.still_may(user)
