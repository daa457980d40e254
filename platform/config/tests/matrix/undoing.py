"""What requests write is noticed and taken back, so that the world stays as it was made."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from config.tests.matrix.world import World
from tenants.context import PLATFORM_ALIAS, acting_for
from tenants.tests.sql import run

_READING = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET LOCAL", "DECLARE", "CLOSE", "FETCH")
_ORGANIZATIONS = "SELECT id FROM tenants_organization"
_SUM = "md5(string_agg(t::text, ',' ORDER BY t::text))"


@contextmanager
def undone(*aliases: str) -> Iterator[list[str]]:
    """Take back what is written inside on these logins; yield the statements that wrote, on any."""
    written: list[str] = []

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if not str(sql).lstrip(" (\n").startswith(_READING):
            written.append(str(sql))
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        for alias in aliases:
            stack.enter_context(_rolled_back(alias))
        for alias in (DEFAULT_DB_ALIAS, PLATFORM_ALIAS):
            stack.enter_context(connections[alias].execute_wrapper(note))
        yield written


@contextmanager
def _rolled_back(alias: str) -> Iterator[None]:
    with transaction.atomic(using=alias):
        try:
            yield
        finally:
            transaction.set_rollback(True, using=alias)


def changed_tables(world: World, slug: str) -> list[str]:
    """The tables where an organization's rows are not as they were made, in this transaction."""
    before, now = world.prints.get(slug), _fingerprint(world.sides[slug].organization)
    return [] if before is None else [table for table in now if now[table] != before[table]]


def take_fingerprints(world: World) -> None:
    """Remember how every organization's rows are. The caller has changed nothing yet."""
    for slug, side in world.sides.items():
        if slug not in world.prints:
            world.prints[slug] = _fingerprint(side.organization)


def _fingerprint(organization: Any) -> dict[str, Any]:
    """A checksum by table of an organization's rows, as this connection's transaction has them."""
    tables = _readable_tables()
    with acting_for(organization), connection.cursor() as cursor:
        cursor.execute(_sums_of(tables))
        return dict(zip(tables, cursor.fetchone(), strict=True))


def committed() -> dict[str, Any]:
    """A checksum of every table as it is for others, as the owner sees it, and of the files."""
    tables = _all_tables()
    (found,) = run(_sums_of(tables))
    return dict(zip(tables, found, strict=True)) | {"files": _files()}


def committed_changes(before: dict[str, Any]) -> list[str]:
    """The tables, and "files", that are not as they were for others."""
    now = committed()
    return [name for name in now if now[name] != before.get(name)]


def _sums_of(tables: tuple[str, ...]) -> str:
    return "SELECT " + ", ".join(f"(SELECT {_SUM} FROM {table} t)" for table in tables)


@cache
def _all_tables() -> tuple[str, ...]:
    return _tables("true")


@cache
def _readable_tables() -> tuple[str, ...]:
    """The tables with rows of organizations that the application may read."""
    return _tables("relrowsecurity AND has_table_privilege('chancery_app', oid, 'SELECT')")


def _tables(condition: str) -> tuple[str, ...]:
    found = run(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        f" AND relkind IN ('r', 'p') AND {condition} ORDER BY 1"
    )
    return tuple(table for (table,) in found)


def _files() -> list[tuple[str, int]]:
    """The files of the organizations of this database: other processes test beside this one."""
    roots = [Path(settings.MEDIA_ROOT, str(key)) for (key,) in run(_ORGANIZATIONS)]
    found = (path for root in roots for path in root.rglob("*") if path.is_file())
    return sorted((str(path), path.stat().st_size) for path in found)
