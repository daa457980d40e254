"""What `up` asks a database: may it be used, which migrations does it lack, is it empty?"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from common import logins
from common.database_url import VARIABLES, connection_parameters, database_from_url
from common.home import InstallationError

Connection = psycopg.Connection[Any]
PREPARE = "`manage.py create_logins --admin-url URL` prepares a server and prints the three URLs"


def check_database() -> dict[str, Any]:
    """Raise InstallationError unless the three URLs in the environment serve.

    Return the owner's, as connection parameters.
    """
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        raise InstallationError(f"DATABASE_URL needs {' and '.join(missing)} beside it: {PREPARE}.")
    parameters = {name: connection_parameters(database_from_url(name)) for name in VARIABLES}
    for variable, found in parameters.items():
        if found.get("user") != VARIABLES[variable]:
            raise InstallationError(f"{variable} must sign in as {VARIABLES[variable]}: {PREPARE}.")
        _check_connection(variable, found)
    return parameters["DATABASE_OWNER_URL"]


def _check_connection(variable: str, parameters: dict[str, Any]) -> None:
    with connected(variable, parameters) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls,"
            " EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row
        is_superuser, sees_all_rows, has_vector = row
    is_owner = VARIABLES[variable] == logins.OWNER
    if is_superuser or sees_all_rows != is_owner:
        raise InstallationError(
            f"The login {VARIABLES[variable]} does not have the rights it should: {PREPARE}."
        )
    if not has_vector:
        raise InstallationError(f"The database that {variable} names has no pgvector: {PREPARE}.")


@contextmanager
def connected(variable: str, parameters: dict[str, Any]) -> Iterator[Connection]:
    """Yield a connection. Raise InstallationError when it fails, or what is asked inside does."""
    try:
        with psycopg.connect(**{"connect_timeout": 5, **parameters}, autocommit=True) as connection:
            yield connection
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InstallationError(
            f"{variable} does not connect ({reason}): start that server, or correct the URL. "
            f"{PREPARE}."
        ) from None


def unapplied_migrations(connection: Connection) -> int:
    """Return how many migrations the database lacks."""
    applied = set()
    if connection.execute("SELECT to_regclass('django_migrations') IS NOT NULL").fetchone() == (
        True,
    ):
        applied = set(connection.execute("SELECT app, name FROM django_migrations"))
    return len(MigrationLoader(None).graph.nodes.keys() - applied)


def is_empty(connection: Connection) -> bool:
    """Return whether there is no organization, not even a deleted one."""
    table = apps.get_model("tenants", "Organization")._meta.db_table
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))
    return connection.execute(query).fetchone() == (False,)
