"""The one door into an organization's rows.

`acting_for` names the organization to PostgreSQL, whose row level security then shows that
organization's rows and no other's. Without it the guard refuses to ask, because row level security
alone would answer with an empty list, which looks like an answer.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model

from common.logins import APP, PLATFORM

PLATFORM_ALIAS = "platform"
SETTING = "app.organization_id"

_organization_id: ContextVar[UUID | None] = ContextVar("organization_id", default=None)
_as_platform: ContextVar[bool] = ContextVar("as_platform", default=False)


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
    try:
        with transaction.atomic(using=PLATFORM_ALIAS):
            yield
    finally:
        _as_platform.reset(token)


def acting_as(user: Any, *, read_only: bool = False) -> AbstractContextManager[Any]:
    """Act for the organization of a user, or as platform staff when the user is one of them."""
    if user.is_platform_staff:
        return acting_as_platform()
    return acting_for(user.organization_id, read_only=read_only)


@contextmanager
def _bound(connection: Any, organization_id: UUID, *, is_outermost: bool) -> Iterator[None]:
    """Name the organization to this connection, for the transaction it is in."""
    outer = bound_organization_id(connection)
    if outer == organization_id:
        yield
        return
    connection.organization_id = organization_id
    try:
        _execute(connection, f"SET LOCAL {SETTING} = '{organization_id}'")
        yield
        # The end of a transaction forgets the setting; RELEASE SAVEPOINT does not.
        if not is_outermost and not connection.needs_rollback:
            _execute(connection, f"SET LOCAL {SETTING} = '{outer or ''}'")
    finally:
        connection.organization_id = outer


def bound_organization_id(connection: Any) -> UUID | None:
    """The organization that this connection was told, which is what PostgreSQL goes by."""
    return getattr(connection, "organization_id", None)


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
