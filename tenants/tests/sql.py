"""Statements sent past Django, as somebody would who has the application's password."""

from collections.abc import Iterator
from typing import Any

import psycopg
from django.db import connections
from psycopg import sql
from psycopg.rows import dict_row

from common.logins import OWNER, PLATFORM

# Privilege or policy, a value that is no uuid, COPY FROM under row security: PostgreSQL said no.
REFUSALS = {"42501", "22P02", "0A000"}


def connect(login: str) -> psycopg.Connection:
    """Connect to the test database, each statement a transaction of its own."""
    found = connections["platform" if login == PLATFORM else "default"].settings_dict
    return psycopg.connect(
        dbname=found["NAME"],
        host=found["HOST"],
        port=found["PORT"],
        user=login,
        password=found["PASSWORD"],
        autocommit=True,
    )


def run(statement: Any, parameters: Any = None, *, login: str = OWNER) -> list[tuple]:
    """Run a statement on a connection of its own; return its rows, if it has any."""
    with connect(login) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def full_row(table: str, organization_id: Any) -> dict[str, Any]:
    """A row of an organization with all columns that can be written, as the owner sees it."""
    generated = {name for (name,) in run(_GENERATED, [table])}
    with connect(OWNER) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        cursor.execute(
            sql.SQL("SELECT * FROM {} WHERE {} = %s LIMIT 1").format(
                sql.Identifier(table), sql.Identifier(organization_column(table))
            ),
            [organization_id],
        )
        found = cursor.fetchone()
    return {name: _parameter(value) for name, value in found.items() if name not in generated}


_GENERATED = """
    SELECT column_name FROM information_schema.columns
    WHERE table_name = %s AND is_generated = 'ALWAYS'
"""


def _parameter(value: Any) -> Any:
    return psycopg.types.json.Jsonb(value) if isinstance(value, dict | list) else value


def organization_column(table: str) -> str:
    return "id" if table == "tenants_organization" else "organization_id"


class Attempts:
    """Every kind of statement, aimed at the rows that one organization has in a table."""

    def __init__(self, table: str, organization_id: Any, row: dict[str, Any]):
        self.organization_id = organization_id
        self.row = row
        self.names = {
            "table": sql.Identifier(table),
            "organization": sql.Identifier(organization_column(table)),
            "id": sql.Literal(organization_id),
            "columns": sql.SQL(", ").join(map(sql.Identifier, row)),
            "values": sql.SQL(", ").join(map(sql.Literal, row.values())),
        }

    def statements(self) -> Iterator[tuple[str, sql.Composed]]:
        for statement in READING + WRITING:
            yield statement, sql.SQL(statement).format(**self.names)

    def reached(self, connection: psycopg.Connection) -> dict[str, Any]:
        """Try all of them; return those that reached something and what it was.

        A refusal counts as nothing. Every attempt is undone.
        """
        found = {}
        for text, statement in self.statements():
            try:
                with connection.transaction(force_rollback=True), connection.cursor() as cursor:
                    rows = self._reached(cursor, text, statement)
            except psycopg.Error as error:
                rows = 0 if error.sqlstate in REFUSALS else f"{error.sqlstate} {error}"
            if rows:
                found[text] = rows
        return found

    def _reached(self, cursor: psycopg.Cursor, text: str, statement: sql.Composed) -> Any:
        if text.startswith("COPY") and text.endswith("STDOUT"):
            with cursor.copy(statement) as copy:
                return sum(str(self.organization_id) in str(line) for line in copy.rows())
        if text.startswith("COPY"):
            with cursor.copy(statement) as copy:
                copy.write("")
            return "COPY FROM was let through"
        cursor.execute(statement)
        return len(cursor.fetchall()) if cursor.description else cursor.rowcount


_MERGE = "MERGE INTO {table} t USING (VALUES (1)) v ON t.{organization} = {id} "

READING = (
    "SELECT FROM {table} WHERE {organization} = {id}",
    "SELECT FROM {table} WHERE {organization} = {id} FOR UPDATE",
    "SELECT FROM {table} WHERE {organization}::text = {id}::text",
    "SELECT FROM (SELECT {organization} AS o FROM {table} OFFSET 0) x WHERE o = {id}",
    "COPY {table} TO STDOUT",
    "COPY (SELECT * FROM {table}) TO STDOUT",
)
WRITING = (
    "UPDATE {table} SET {organization} = {organization} WHERE {organization} = {id}",
    "UPDATE {table} SET {organization} = {id}",
    "DELETE FROM {table} WHERE {organization} = {id}",
    "DELETE FROM {table} WHERE {organization} = {id} RETURNING *",
    "INSERT INTO {table} ({columns}) VALUES ({values})",
    "INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING",
    "INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING RETURNING *",
    "COPY {table} ({columns}) FROM STDIN",
    _MERGE + "WHEN MATCHED THEN UPDATE SET {organization} = t.{organization}",
    _MERGE + "WHEN MATCHED THEN DELETE",
    _MERGE + "WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})",
)
