"""Questions asked before an organization is known, answered by functions of the database's owner.

Row level security hides everybody until an organization is set; these four functions are the only
way to learn which one to set. They answer for living, active people of active organizations only.
"""

import json
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection

from tenants.models import User


def find_by_login(login: str) -> User | None:
    """The person who signs in with this e-mail address or username."""
    return _first_user("SELECT * FROM tenants_find_login(%s)", login)


def find_by_id(user_id: UUID) -> User | None:
    """The person of a session."""
    return _first_user("SELECT * FROM tenants_find_user(%s)", user_id)


def find_by_token(digest: str) -> User | None:
    """The person of an unexpired token, with its `token_id` and `token_scopes` (a list)."""
    user: Any = _first_user(
        "SELECT (found.person).*, token_id, token_scopes FROM tenants_find_token(%s) AS found",
        digest,
    )
    if user is not None:
        user.token_scopes = json.loads(user.token_scopes)  # a raw query leaves JSON as text
    return user


def find_organization(slug: str) -> UUID | None:
    """The id of a living organization."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenants_find_organization(%s)", [slug])
        return cursor.fetchone()[0]


def _first_user(query: str, value: Any) -> User | None:
    return next(iter(User.all_objects.db_manager(DEFAULT_DB_ALIAS).raw(query, [value])), None)
