"""How often somebody may guess a password, or have mails sent, before there is a pause.

Three counts stand against an attempt, each in a window of `THROTTLE_WINDOW_SECONDS`:

- the account from this address: few,
- the address, whatever the account: many, for an office shares one,
- the account from all addresses: some.

From an address that the account has signed in from, only the first one counts. So nobody can lock
a person out from elsewhere, or a colleague by using up what their office has.

An attempt is counted before the work that it asks for, by one statement that PostgreSQL commits
at once: of many at the same moment no more than the limit get through, in any number of processes.
Names that nobody has are counted like any other. What succeeds is given back; so while some that
would fill the first count are still under way, others wait for how these end.
"""

import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.crypto import salted_hmac

from common.addresses import client_address
from common.attempts import TooManyAttempts
from common.connections import let_go

KNOWN_DAYS = 180  # how long an address stays known to which its account does not return
LONGEST_WAIT_SECONDS = 15.0  # for attempts under way
LOOK_EVERY_SECONDS = 0.2

_COUNT = """
    INSERT INTO tenants_attemptcount AS kept (digest, count, pending, resets_at)
    VALUES (%s, 1, 0, now() + %s * interval '1 second')
    ON CONFLICT (digest) DO UPDATE SET
        count = CASE WHEN kept.resets_at > now() THEN kept.count + 1 ELSE 1 END,
        resets_at = CASE WHEN kept.resets_at > now() THEN kept.resets_at
                         ELSE EXCLUDED.resets_at END
    RETURNING count, ceil(extract(epoch FROM resets_at - now()))::integer
"""
_BEGIN = """
    INSERT INTO tenants_attemptcount AS kept (digest, count, pending, resets_at)
    VALUES (%s, 1, 1, now() + %s * interval '1 second')
    ON CONFLICT (digest) DO UPDATE SET
        count = CASE WHEN kept.resets_at > now() THEN kept.count + 1 ELSE 1 END,
        pending = CASE WHEN kept.resets_at > now() THEN kept.pending + 1 ELSE 1 END,
        resets_at = CASE WHEN kept.resets_at > now() THEN kept.resets_at
                         ELSE EXCLUDED.resets_at END
    WHERE kept.resets_at <= now() OR kept.count < %s
"""
_LOOK = """
    SELECT pending > 0 OR count < %s, ceil(extract(epoch FROM resets_at - now()))::integer
    FROM tenants_attemptcount WHERE digest = %s
"""
_FAIL = "UPDATE tenants_attemptcount SET pending = greatest(pending - 1, 0) WHERE digest = %s"
_SUCCEED = """
    UPDATE tenants_attemptcount
    SET count = greatest(pending - 1, 0), pending = greatest(pending - 1, 0) WHERE digest = %s
"""
_GIVE_BACK = "UPDATE tenants_attemptcount SET count = count - 1 WHERE digest = %s AND count > 0"
_KNOW = """
    INSERT INTO tenants_knownaddress AS kept (digest, seen_at) VALUES (%s, now())
    ON CONFLICT (digest) DO UPDATE SET seen_at = now()
    WHERE kept.seen_at < now() - interval '1 day'
"""
_END_WINDOWS = "DELETE FROM tenants_attemptcount WHERE resets_at < now()"
_FORGET_ADDRESSES = "DELETE FROM tenants_knownaddress WHERE seen_at < now() - %s * interval '1 day'"


@dataclass(frozen=True)
class Limits:
    """How many attempts a window has."""

    account_and_address: int
    address: int
    account: int


@dataclass(frozen=True)
class Throttle:
    """The counts of one thing that can be tried; `setting` holds its `Limits` as three numbers."""

    name: str
    setting: str

    def count(self, account: str, request: Any) -> None:
        """Count an attempt, or raise TooManyAttempts. `account` is what the client calls it."""
        with self.attempt(account, request):
            pass

    @contextmanager
    def attempt(self, account: str, request: Any) -> Iterator["Attempt"]:
        """Count what is tried inside, unless it says that it succeeded. Raises TooManyAttempts."""
        account, address = _plain(account), client_address(request)
        limits = Limits(*getattr(settings, self.setting))
        both = _digest(self.name, account, address)
        others = []
        is_known = _is_known(account, address)
        if not is_known:
            others.append(_digest(self.name, "", address))
            _count(others[0], limits.address)
        _begin(both, limits.account_and_address)
        attempt = Attempt()
        try:
            if not is_known:
                # One address alone cannot use the account's own count up: it comes last.
                others.append(_digest(self.name, account, ""))
                _count(others[1], limits.account)
            yield attempt
        finally:
            _run(_SUCCEED if attempt.has_succeeded else _FAIL, both)
            for digest in others if attempt.has_succeeded else ():
                _run(_GIVE_BACK, digest)


@dataclass
class Attempt:
    """One that was let through."""

    has_succeeded: bool = False

    def succeed(self) -> None:
        """Begin anew: what goes well is not counted, nor the mistakes before it."""
        self.has_succeeded = True


SIGN_IN = Throttle("sign-in", "SIGN_IN_LIMITS")
PASSWORD_CHANGE = Throttle("password change", "SIGN_IN_LIMITS")
PASSWORD_RESET = Throttle("password reset", "MAIL_LIMITS")
EMAIL_VERIFICATION = Throttle("e-mail verification", "MAIL_LIMITS")


def know(user: Any, request: Any) -> None:
    """Remember that this person came in from here, by whichever of their two names they come."""
    for name in (user.email, user.username):
        _run(_KNOW, _digest("known", _plain(name), client_address(request)))


def sweep() -> int:
    """Forget the windows that have ended and the addresses of long ago; return how many."""
    return _run(_END_WINDOWS) + _run(_FORGET_ADDRESSES, KNOWN_DAYS)


def _is_known(account: str, address: str) -> bool:
    with connection.cursor() as cursor:
        digest = _digest("known", account, address)
        cursor.execute("SELECT FROM tenants_knownaddress WHERE digest = %s", [digest])
        return cursor.fetchone() is not None


def _count(digest: UUID, limit: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [digest, settings.THROTTLE_WINDOW_SECONDS])
        count, seconds = cursor.fetchone()
    if count > limit:
        raise TooManyAttempts(max(1, seconds))


def _begin(digest: UUID, limit: int) -> None:
    """Count one that is under way; wait as long as those under way may make room."""
    give_up_at = time.monotonic() + LONGEST_WAIT_SECONDS
    while not _run(_BEGIN, digest, settings.THROTTLE_WINDOW_SECONDS, limit):
        may_end_well, seconds = _look(digest, limit)
        if not may_end_well or time.monotonic() > give_up_at:
            raise TooManyAttempts(max(1, seconds))
        let_go()  # those under way need one, too
        time.sleep(LOOK_EVERY_SECONDS)


def _look(digest: UUID, limit: int) -> tuple[bool, int]:
    """Whether there is room by now or may soon be, and the seconds until the window ends."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, [limit, digest])
        return cursor.fetchone() or (True, 0)  # swept meanwhile


def _run(statement: str, *values: UUID | int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def _digest(*parts: str) -> UUID:
    """Return 128 bits keyed with SECRET_KEY: nobody learns names from them by trying some."""
    return UUID(bytes=salted_hmac(__name__, "\0".join(parts), algorithm="sha256").digest()[:16])


def _plain(account: str) -> str:
    """One spelling of all those that PostgreSQL's lower() could take for the same."""
    return unicodedata.normalize("NFKC", account).casefold().strip()
