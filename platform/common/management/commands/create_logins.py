"""Prepare a PostgreSQL server for Chancery: its logins, its database, the vector type."""

import argparse
import os
import secrets
import shlex
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from django.core.management.base import BaseCommand, CommandError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from common.create_logins import Connect, create_logins, without_password
from common.database_url import VARIABLES, database_from_url
from common.home import InstallationError


class Command(BaseCommand):
    help = (
        "Makes the logins chancery_owner, chancery_app and chancery_platform and the database they "
        "use on a PostgreSQL 15 or later that has pgvector, or puts them right; it may be run "
        "again at any time. Passwords come from DATABASE_OWNER_URL, DATABASE_URL and "
        "DATABASE_PLATFORM_URL where these are set. A login without a password gets a new one, and "
        "its URL is printed, ready to be exported."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--admin-url",
            required=True,
            metavar="URL",
            help="a superuser's URL, such as postgresql://postgres:secret@db.example.com:5432/postgres",
        )
        parser.add_argument(
            "--database",
            nargs="+",
            metavar="NAME",
            help="the databases to prepare; else the one in DATABASE_URL, or chancery",
        )
        parser.add_argument(
            "--new-passwords",
            action="store_true",
            help="give logins a new password even when they have one; what uses them must be told",
        )

    def handle(
        self, *, admin_url: str, database: list[str] | None, new_passwords: bool, **_: Any
    ) -> None:
        try:
            given = {name: database_from_url(name) for name in VARIABLES if os.environ.get(name)}
            check_users(given)
            databases = database or [the_database(given)]
            connect = connector(admin_url)
            passwords = {
                VARIABLES[name]: found["PASSWORD"]
                for name, found in given.items()
                if found["PASSWORD"]
            }
            with connect(None) as connection:
                wanting = set(VARIABLES.values()) if new_passwords else without_password(connection)
            made = {
                login: secrets.token_urlsafe(24) for login in sorted(wanting - given_logins(given))
            }
            create_logins(connect, databases, passwords | made)
        except InstallationError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"# The logins and the database {', '.join(databases)} are ready.")
        for variable, login in VARIABLES.items():
            if login in made:
                url = login_url(admin_url, login, made[login], databases[0])
                self.stdout.write(f"export {variable}={shlex.quote(url)}")
            else:
                origin = (
                    f"the password in {variable}" if login in passwords else "the password it had"
                )
                self.stdout.write(f"# {login} has {origin}.")
        self.stdout.write(
            "# DATABASE_OWNER_URL is for migrations: keep it from the web process and the workers."
        )


def check_users(given: dict[str, dict[str, Any]]) -> None:
    for variable, found in given.items():
        if found["USER"] != VARIABLES[variable]:
            raise CommandError(
                f"{variable} names the user {found['USER']!r}; it must be {VARIABLES[variable]}."
            )


def given_logins(given: dict[str, dict[str, Any]]) -> set[str]:
    return {VARIABLES[variable] for variable in given}


def the_database(given: dict[str, dict[str, Any]]) -> str:
    """Return the one database that the URLs name."""
    names = sorted({found["NAME"] for found in given.values()}) or ["chancery"]
    if len(names) > 1:
        raise CommandError(
            f"The URLs in the environment name several databases: {', '.join(names)}."
        )
    return names[0]


def connector(admin_url: str) -> Connect:
    def connect(database: str | None) -> psycopg.Connection[Any]:
        try:
            chosen = make_conninfo(admin_url, **{"dbname": database} if database else {})
            return psycopg.connect(chosen, autocommit=True, connect_timeout=10)
        except psycopg.Error as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise InstallationError(f"--admin-url does not connect: {reason}.") from None

    return connect


def login_url(admin_url: str, login: str, password: str, database: str) -> str:
    """Return the administrator's URL with the login in place of the administrator."""
    parts = {name: str(value) for name, value in conninfo_to_dict(admin_url).items()}
    for name in ("user", "password", "dbname"):
        parts.pop(name, None)
    address = ""
    if not parts.get("host", "/").startswith(
        "/"
    ):  # else it is the directory of a socket and stays an option
        host, port = parts.pop("host"), parts.pop("port", "5432")
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = f"?{urlencode(parts)}" if parts else ""
    user = f"{login}:{quote(password, safe='')}"
    return f"postgresql://{user}@{address}/{quote(database, safe='')}{options}"
