"""What a login must and must not be able to do: PostgreSQL is asked before all relies on it."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import connections

from common.logins import APP, PLATFORM

_SEES_ALL_ROWS = """
    SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user
"""
# A member of a role can become it, and inherits its rights.
_IS_TOO_POWERFUL = """
    SELECT bool_or(rolsuper OR rolbypassrls
        OR EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid))
    FROM pg_roles WHERE rolname IN (current_user, session_user)
"""

_checked: set[tuple[str, str]] = set()


def refuse_owner() -> None:
    """For the web process and the workers, as they start: they are never the owner."""
    if settings.LOGIN == "owner":
        raise ImproperlyConfigured(
            "Web processes and workers do not connect as the owner of the database: "
            "unset CHANCERY_LOGIN."
        )


def refuse_powerful_login(*, connection: Any, **kwargs: Any) -> None:
    """Refuse an application's login that row security would not hold. Asked once a process."""
    login = connection.settings_dict["USER"]
    if login not in (APP, PLATFORM) or (connection.alias, login) in _checked:
        return
    with connection.connection.cursor() as cursor:
        if cursor.execute(_IS_TOO_POWERFUL).fetchone()[0]:
            connection.close()
            raise ImproperlyConfigured(
                f"{login} can pass row level security by, or is a member of a role: "
                "`manage.py create_logins` puts that right."
            )
    _checked.add((connection.alias, login))


def refuse_blind_migration(*, using: str, **kwargs: Any) -> None:
    """Refuse to migrate as a role that cannot see all rows: it would change none and succeed."""
    with connections[using].cursor() as cursor:
        cursor.execute(_SEES_ALL_ROWS)
        if not cursor.fetchone()[0]:
            raise CommandError(
                f"{connections[using].settings_dict['USER']} sees the rows of no organization: "
                "migrations would change none and succeed. They run as the owner of the database, "
                "who has BYPASSRLS: `manage.py create_logins` puts that right."
            )
