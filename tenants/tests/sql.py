"""Statements sent past Django, as somebody would who has the application's password."""

from collections.abc import Iterator
from typing import Any

import psycopg
from django.db import connections
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from common.logins import OWNER, PLATFORM

# Privilege or policy, a value that is no uuid, COPY FROM under row security: PostgreSQL said no.
REFUSALS = {"42501", "22P02", "0A000"}
_JSONB = psycopg.adapters.types["jsonb"].oid


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
        documents = {column.name for column in cursor.description if column.type_code == _JSONB}
    return {
        name: Jsonb(value) if name in documents and value is not None else value
        for name, value in found.items()
        if name not in generated
    }


_GENERATED = """
    SELECT column_name FROM information_schema.columns
    WHERE table_name = %s AND is_generated = 'ALWAYS'
"""


def primary_key(table: str) -> list[str]:
    """The columns of a table's primary key, in their order."""
    found = run(
        "SELECT attname FROM pg_index, unnest(indkey) WITH ORDINALITY AS part (number, place)"
        " JOIN pg_attribute ON attnum = number"
        " WHERE indrelid = %(table)s::regclass AND attrelid = indrelid AND indisprimary"
        # What a key merely covers stands behind what it consists of.
        " AND place <= indnkeyatts ORDER BY place",
        {"table": table},
    )
    return [name for (name,) in found]


def checksum(table: str) -> str:
    """A digest of all rows of a table, as the owner sees them."""
    rows = sql.SQL("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t")
    return run(rows.format(sql.Identifier(table)))[0][0]


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
            "key": sql.SQL(", ").join(map(sql.Identifier, primary_key(table))),
            "columns": sql.SQL(", ").join(map(sql.Identifier, row)),
            "values": sql.SQL(", ").join(map(sql.Literal, row.values())),
        }

    def statements(self) -> Iterator[tuple[str, sql.Composed]]:
        for statement in READING + WRITING:
            yield statement, sql.SQL(statement).format(**self.names)

    def outcomes(self, connection: psycopg.Connection, *, undo: bool = True) -> dict[str, Any]:
        """Try all of them; return how many rows each reached, or the SQLSTATE of its error."""
        found: dict[str, Any] = {}
        for text, statement in self.statements():
            try:
                with connection.transaction(force_rollback=undo), connection.cursor() as cursor:
                    found[text] = self._reached(cursor, text, statement)
            except psycopg.Error as error:
                found[text] = error.sqlstate
        return found

    def reached(self, connection: psycopg.Connection) -> dict[str, Any]:
        """Those that reached something, and what it was: a refusal counts as nothing."""
        found = self.outcomes(connection)
        return {text: rows for text, rows in found.items() if rows and rows not in REFUSALS}

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


_INSERT = "INSERT INTO {table} ({columns}) VALUES ({values})"
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
    _INSERT,
    _INSERT + " ON CONFLICT DO NOTHING",
    _INSERT + " ON CONFLICT DO NOTHING RETURNING *",
    _INSERT + " ON CONFLICT ({key}) DO UPDATE SET {organization} = excluded.{organization}",
    "COPY {table} ({columns}) FROM STDIN",
    _MERGE + "WHEN MATCHED THEN UPDATE SET {organization} = t.{organization}",
    _MERGE + "WHEN MATCHED THEN DELETE",
    _MERGE + "WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})",
)
