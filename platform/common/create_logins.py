"""The three logins and their database, on any PostgreSQL from 15 on.

The application's logins own nothing, are members of nothing and cannot pass row level security by:
that is what keeps organizations apart, so it is put right here each time and never assumed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from common import logins
from common.home import InstallationError

CREATE_EXTENSION = sql.SQL("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
OLDEST_VERSION = (
    15  # older ones let everybody make tables in `public`, and know no pg_database_owner
)

# Columns of pg_roles, and the words that turn each on and off.
ATTRIBUTES = {
    "rolcanlogin": (sql.SQL("LOGIN"), sql.SQL("NOLOGIN")),
    "rolsuper": (sql.SQL("SUPERUSER"), sql.SQL("NOSUPERUSER")),
    "rolbypassrls": (sql.SQL("BYPASSRLS"), sql.SQL("NOBYPASSRLS")),
    "rolcreatedb": (sql.SQL("CREATEDB"), sql.SQL("NOCREATEDB")),
    "rolcreaterole": (sql.SQL("CREATEROLE"), sql.SQL("NOCREATEROLE")),
    "rolreplication": (sql.SQL("REPLICATION"), sql.SQL("NOREPLICATION")),
    "rolinherit": (sql.SQL("INHERIT"), sql.SQL("NOINHERIT")),
}
GRANTED = {
    logins.OWNER: {
        "rolcanlogin",
        "rolbypassrls",
        "rolcreatedb",
        "rolinherit",
    },  # tests make databases
    logins.APP: {"rolcanlogin"},
    logins.PLATFORM: {"rolcanlogin"},
}

Connection = psycopg.Connection[Any]
Connect = Callable[[str | None], Connection]


def create_logins(connect: Connect, databases: Iterable[str], passwords: Mapping[str, str]) -> None:
    """Make or put right the logins and the databases they use. It may be run again at any time.

    `connect` opens a connection to the named database, or to any, as an administrator and in
    autocommit mode. A login that is not in `passwords` keeps the one it has. Raise
    InstallationError when something stands in the way.
    """
    with connect(None) as connection, explained(connection):
        _check_version(connection)
        for login in GRANTED:
            _put_right(connection, login, passwords.get(login))
        _check_memberships(connection)
        for database in databases:
            _make_database(connection, database)
    for database in (
        "template1",
        *databases,
    ):  # what is made from template1 has the extension from the start
        with connect(database) as connection, explained(connection):
            _prepare_schema(connection)


def without_password(connection: Connection) -> set[str]:
    """Return the logins that are missing or have no password, as far as can be seen."""
    with explained(connection):
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(GRANTED)]
        )
        found = {name for (name,) in rows}
        if connection.execute("SELECT has_table_privilege('pg_authid', 'SELECT')").fetchone() == (
            True,
        ):
            rows = connection.execute("SELECT rolname FROM pg_authid WHERE rolpassword IS NULL")
            found -= {name for (name,) in rows}
    return GRANTED.keys() - found


@contextmanager
def explained(connection: Connection) -> Iterator[None]:
    """Turn what the server refuses into a sentence."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        user = connection.info.user
        raise InstallationError(
            f"{user} may not prepare this server ({_reason(error)}): give the URL of a superuser."
        ) from error
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as error:
        raise InstallationError(
            f"The server lacks what Chancery needs ({_reason(error)}): install pgvector there "
            "(Debian: the package postgresql-NN-pgvector of its version)."
        ) from error
    except psycopg.Error as error:
        raise InstallationError(f"The server refuses: {_reason(error)}.") from error


def _reason(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip().rstrip(".")


def _check_version(connection: Connection) -> None:
    found = connection.info.server_version // 10000
    if found < OLDEST_VERSION:
        raise InstallationError(
            f"The server is PostgreSQL {found}, and Chancery needs {OLDEST_VERSION} or later."
        )


def _put_right(connection: Connection, login: str, password: str | None) -> None:
    role = sql.Identifier(login)
    query = sql.SQL("SELECT {} FROM pg_roles WHERE rolname = %s").format(
        sql.SQL(", ").join(map(sql.Identifier, ATTRIBUTES))
    )
    found = connection.execute(query, [login]).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        found = connection.execute(query, [login]).fetchone()
    assert found
    # Only what differs: to name SUPERUSER at all takes a superuser.
    for (column, (word, no_word)), value in zip(ATTRIBUTES.items(), found, strict=True):
        wanted = column in GRANTED[login]
        if value != wanted:
            connection.execute(
                sql.SQL("ALTER ROLE {} {}").format(role, word if wanted else no_word)
            )
    if password is not None:
        # Encrypted here, so that it does not appear in the server's log.
        encrypted = connection.pgconn.encrypt_password(
            password.encode(), login.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(encrypted))
        )


def _check_memberships(connection: Connection) -> None:
    rows = connection.execute(
        "SELECT pg_get_userbyid(member), pg_get_userbyid(roleid) FROM pg_auth_members"
        " WHERE pg_get_userbyid(member) = ANY(%s) ORDER BY 1, 2",
        [[logins.APP, logins.PLATFORM]],
    )
    for member, role in rows:
        raise InstallationError(
            f"{member} is a member of {role}, which would lend it rights: "
            f"first run REVOKE {role} FROM {member}."
        )


def _make_database(connection: Connection, database: str) -> None:
    name, owner = sql.Identifier(database), sql.Identifier(logins.OWNER)
    found = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    if found is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                name, owner
            )
        )
    elif found[0] != logins.OWNER:
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, owner))
    connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
    roles = sql.SQL(", ").join(map(sql.Identifier, GRANTED))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, roles))


def _prepare_schema(connection: Connection) -> None:
    """Let the database's owner alone make tables in `public`, and have the vector type there."""
    found = connection.execute(
        "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'"
    ).fetchone()
    if found is None:
        connection.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    elif found[0] != "pg_database_owner":
        connection.execute("ALTER SCHEMA public OWNER TO pg_database_owner")
    connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    connection.execute(CREATE_EXTENSION)
