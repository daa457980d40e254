"""Requests that leave nothing behind, and what they would have left."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from tenants.context import PLATFORM_ALIAS

ALIASES = (DEFAULT_DB_ALIAS, PLATFORM_ALIAS)


@contextmanager
def undone() -> Iterator[None]:
    """One transaction for each login, rolled back at the end."""
    with ExitStack() as stack:
        for alias in ALIASES:
            stack.enter_context(transaction.atomic(using=alias))
        try:
            yield
        finally:
            for alias in ALIASES:
                transaction.set_rollback(True, using=alias)


def writers() -> set[str]:
    """The connections that PostgreSQL gave a transaction id: without one nothing was written."""
    found = set()
    for alias in ALIASES:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
            if cursor.fetchone()[0]:
                found.add(alias)
    return found
