"""The one door into an organization's rows.

`acting_for` names the organization to PostgreSQL, whose row level security then shows that
organization's rows and no other's. Without it the guard refuses to ask, because row level security
alone would answer with an empty list, which looks like an answer.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model
from psycopg.sql import Literal

from common.logins import APP, PLATFORM
from tenants.audit.actor import SETTING as ACTOR_SETTING
from tenants.audit.actor import Actor, acted_by, current_actor

PLATFORM_ALIAS = "platform"
SETTING = "app.organization_id"

_organization_id: ContextVar[UUID | None] = ContextVar("organization_id", default=None)
_as_platform: ContextVar[bool] = ContextVar("as_platform", default=False)


class Told(NamedTuple):
    """What a connection was told for its transaction."""

    organization_id: UUID | None
    actor: Actor | None


_NOTHING = Told(None, None)


class NoOrganization(RuntimeError):
    """A tenant table was asked for with no organization set."""


class OrganizationSwitchRefused(RuntimeError):
    """A block that acts for one organization tried to act for another."""


def current_organization_id() -> UUID | None:
    return _organization_id.get()


def is_acting_as_platform() -> bool:
    return _as_platform.get()


@contextmanager
def acting_for(organization: Any, *, read_only: bool = False) -> Iterator[UUID]:
    """Act for one organization (a row of it, or its id) in one transaction.

    The whole block belongs to one thread. Inside, acting for the same organization again is a
    savepoint; for another one it raises OrganizationSwitchRefused. `read_only` makes PostgreSQL
    refuse to write when this is the outermost transaction.
    """
    organization_id = _id_of(organization)
    if _as_platform.get() or _organization_id.get() not in (None, organization_id):
        raise OrganizationSwitchRefused(
            f"Already acting for {_organization_id.get() or 'the platform'}; "
            f"refused to act for {organization_id} inside."
        )
    connection = connections[DEFAULT_DB_ALIAS]
    is_outermost = not connection.in_atomic_block
    token = _organization_id.set(organization_id)
    try:
        with transaction.atomic(), _bound(connection, organization_id, is_outermost=is_outermost):
            if read_only and is_outermost:
                _execute(connection, "SET TRANSACTION READ ONLY")
            yield organization_id
    finally:
        _organization_id.reset(token)


@contextmanager
def acting_as_platform() -> Iterator[None]:
    """Act as platform staff, through a login that sees the control plane and no content."""
    if _organization_id.get() is not None:
        raise OrganizationSwitchRefused(f"Already acting for {_organization_id.get()}.")
    token = _as_platform.set(True)
    connection = connections[PLATFORM_ALIAS]
    is_outermost = not connection.in_atomic_block
    try:
        with (
            transaction.atomic(using=PLATFORM_ALIAS),
            _bound(connection, None, is_outermost=is_outermost),
        ):
            yield
    finally:
        _as_platform.reset(token)


@contextmanager
def acting_as(user: Any, *, read_only: bool = False) -> Iterator[None]:
    """Act for the organization of a user, or as platform staff when the user is one of them.

    What nobody known was asking for becomes this one's doing.
    """
    actor = current_actor()
    if actor and actor.id is None:
        actor = actor.identified_as(user)
    block = (
        acting_as_platform()
        if user.is_platform_staff
        else acting_for(user.organization_id, read_only=read_only)
    )
    with acted_by(actor), block:
        yield


@contextmanager
def _bound(connection: Any, organization_id: UUID | None, *, is_outermost: bool) -> Iterator[None]:
    """Tell this connection for which organization and by whom, for the transaction it is in."""
    outer = getattr(connection, "told", _NOTHING)
    told = Told(organization_id, current_actor())
    connection.told = told
    try:
        _tell(connection, outer, told)
        yield
        # The end of a transaction forgets the settings; RELEASE SAVEPOINT does not.
        if not is_outermost and not connection.needs_rollback:
            _tell(connection, told, outer)
    finally:
        connection.told = outer


def _tell(connection: Any, before: Told, now: Told) -> None:
    settings = []
    if now.organization_id != before.organization_id:
        settings.append(f"SET LOCAL {SETTING} = '{now.organization_id or ''}'")
    if now.actor != before.actor:
        connection.ensure_connection()
        text = Literal(str(now.actor or "")).as_string(connection.connection)
        settings.append(f"SET LOCAL {ACTOR_SETTING} = {text}")
    if settings:
        _execute(connection, "; ".join(settings))


def bound_organization_id(connection: Any) -> UUID | None:
    """The organization that this connection was told, which is what PostgreSQL goes by."""
    return getattr(connection, "told", _NOTHING).organization_id


def refuse_without_organization(
    execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """An execute wrapper: the application raises rather than ask for tenant rows as nobody."""
    connection = context["connection"]
    if _knows_for_whom(connection):
        return execute(sql, params, many, context)
    if table := _tenant_tables().search(_text(sql, connection)):
        raise NoOrganization(
            f"{table[0]} holds rows of organizations: open tenants.context.acting_for() "
            "around the query, in the same thread."
        )
    return execute(sql, params, many, context)


def _knows_for_whom(connection: Any) -> bool:
    login = connection.settings_dict["USER"]
    if login == APP:
        bound = bound_organization_id(connection)
        return bound is not None and bound == _organization_id.get()
    return login != PLATFORM or _as_platform.get()


def _text(sql: Any, connection: Any) -> str:
    if isinstance(sql, bytes):
        return sql.decode()
    return sql if isinstance(sql, str) else sql.as_string(connection.connection)


def install_guard(*, connection: Any, **kwargs: Any) -> None:
    """Guard every connection; the guard itself looks whose it is.

    It comes first: leaving `connection.execute_wrapper()` takes the last one away.
    """
    if refuse_without_organization not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, refuse_without_organization)


@cache
def _tenant_tables() -> re.Pattern[str]:
    tables = (
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if any(field.name == "organization" for field in model._meta.fields)
        or model._meta.label == "tenants.Organization"
    )
    longest_first = sorted(tables, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(longest_first)})\b", re.IGNORECASE)


def _id_of(organization: Any) -> UUID:
    if isinstance(organization, Model):
        if organization._meta.label != "tenants.Organization":
            raise TypeError(f"{organization!r} is no organization, nor the id of one.")
        return organization.pk
    return organization if isinstance(organization, UUID) else UUID(str(organization))


def _execute(connection: Any, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
