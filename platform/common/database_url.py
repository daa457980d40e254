"""What the DATABASE_… variables say, as Django's settings say it and as the driver takes it."""

import os
from typing import Any
from urllib.parse import urlsplit

import environ

from common import logins
from common.home import InstallationError

VARIABLES = {
    "DATABASE_URL": logins.APP,
    "DATABASE_PLATFORM_URL": logins.PLATFORM,
    "DATABASE_OWNER_URL": logins.OWNER,
}
EXAMPLE = "postgresql://user:password@host:5432/database"


def database_from_url(variable: str) -> dict[str, Any]:
    """Return NAME, USER, PASSWORD, HOST, PORT and OPTIONS from the URL in a variable.

    Raise InstallationError when it is no URL of a PostgreSQL database.
    """
    url = os.environ.get(variable, "")
    try:
        if urlsplit(url).scheme not in ("postgres", "postgresql"):
            raise ValueError("it does not begin with postgresql://")
        found = environ.Env.db_url_config(url)
    except ValueError as error:
        # The URL itself holds a password and is not repeated.
        raise InstallationError(f"{variable} is not a URL such as {EXAMPLE}: {error}.") from None
    return {"OPTIONS": {}, **found}


def connection_parameters(database: dict[str, Any]) -> dict[str, Any]:
    """Return the same as arguments of psycopg.connect()."""
    named = {
        "dbname": database["NAME"],
        "user": database["USER"],
        "password": database["PASSWORD"],
        "host": database["HOST"],
        "port": database["PORT"],
    }
    return {
        **{name: value for name, value in named.items() if value},
        **database.get("OPTIONS", {}),
    }
