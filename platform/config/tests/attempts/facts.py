"""What a request changed, row by row, read in its own transaction before that is undone."""

import json
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth.hashers import check_password
from django.db import DEFAULT_DB_ALIAS, connections

from config.tests.attempts.undone import writers
from tenants.context import PLATFORM_ALIAS, acting_as_platform, acting_for
from tenants.control_plane import platform_models
from tenants.tests.rows import tenant_models
from tenants.tests.sql import organization_column

# The two passwords that the suites know; any other is shown as its hash.
PASSWORDS = ("staple a horse to a battery", "a rather long sentence")
# Columns that move with every change, and models whose rows are only added, to tell of changes.
QUIET = {"created_at", "updated_at"}
RECORDS = {"AuditEntry", "AuditSeal"}
# Columns that are made up anew for each row, unless somebody could say what is in them.
RANDOM = {"digest", "prefix"}

Key = tuple[str, str]  # model, primary key
Rows = dict[Key, str]  # as JSON
Facts = dict[
    tuple[str, Any], Any
]  # ("Project.name" or "+Project.name" or "-Project", which): value

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)")


class Ledger:
    """The rows of both organizations as they stand, to compare with what a request makes of them.

    `home` is the organization of the scene: what changes in another is named with its slug.
    """

    def __init__(self, home: Any, others: list[Any]):
        self.organizations = [home, *others]
        self.names = {str(one.pk): f"{one.slug}:" for one in others} | {str(home.pk): ""}
        self.before = {alias: self._read(alias) for alias in (DEFAULT_DB_ALIAS, PLATFORM_ALIAS)}
        self.known = {
            found
            for rows in self.before.values()
            for row in rows.values()
            for found in _UUID.findall(row)
        }

    def facts(self) -> Facts:
        """What this transaction has changed so far."""
        found: Facts = {}
        for alias in writers():
            found |= self._compared(self.before[alias], self._read(alias))
        return found

    def _read(self, alias: str) -> Rows:
        if alias == PLATFORM_ALIAS:
            with acting_as_platform():
                models = _told_of(platform_models())
                return _rows(alias, _statement(models, everybody=True), [])
        rows: Rows = {}
        for organization in self.organizations:
            models = _told_of(tenant_models())
            with acting_for(organization):
                rows |= _rows(alias, _statement(models), [organization.pk] * len(models))
        return rows

    def _compared(self, before: Rows, after: Rows) -> Facts:
        found: Facts = {}
        added: dict[str, list[tuple[str, dict]]] = defaultdict(list)
        for key in before.keys() | after.keys():
            if before.get(key) == after.get(key):
                continue
            old, new = (json.loads(rows.get(key, "null")) for rows in (before, after))
            if old is not None and new is not None:
                for column in old.keys() - QUIET:
                    if old[column] != new[column]:
                        found[self._name(key, old, column), key[1]] = self._plain(
                            column, new[column]
                        )
            elif old is not None:
                found["-" + self._name(key, old), key[1]] = True
            elif new is not None:
                added[self._name(key, new)].append((key[1], new))
        for name, rows in added.items():
            for number, (_, row) in enumerate(sorted(rows, key=lambda pair: pair[0])):
                for column in row.keys() - QUIET:
                    found[f"+{name}.{field_name(name, column)}", number] = self._plain(
                        column, row[column]
                    )
        return found

    def _name(self, key: Key, row: dict[str, Any], column: str = "") -> str:
        organization = row.get("organization_id", row["id"] if key[0] == "Organization" else None)
        is_new = organization is not None and str(organization) not in self.names
        prefix = "" if is_new else self.names.get(str(organization), "platform:")
        return prefix + key[0] + (f".{field_name(key[0], column)}" if column else "")

    def _plain(self, column: str, value: Any) -> str:
        """The value without what differs from one request to the next by chance."""
        text = json.dumps(value, sort_keys=True)
        if column in RANDOM and "changed" not in text:
            return "random"
        for password in PASSWORDS if isinstance(value, str) and "$" in value else ():
            if check_password(password, value):
                return password
        text = _UUID.sub(lambda m: m[0] if m[0] in self.known else "new", text)
        return _TIME.sub(lambda m: "now" if _is_now(m[0]) else m[0], text)


def difference(base: Facts, facts: Facts) -> set[str]:
    """The names of what differs between two requests; a row that only one makes is one name."""
    found = set()
    for key in base.keys() | facts.keys():
        if base.get(key, ...) == facts.get(key, ...):
            continue
        is_whole_row = key[0].startswith("+") and (key not in base or key not in facts)
        found.add(key[0].partition(".")[0] if is_whole_row else key[0])
    return found


def field_name(name: str, column: str) -> str:
    """The field of a column: `project` for `project_id`."""
    model = _models()[name.rpartition(":")[2]]
    return {field.column: field.name for field in model._meta.concrete_fields}.get(column, column)


def _models() -> dict[str, Any]:
    return {model._meta.object_name: model for model in apps.get_models()}


def _told_of(models: Any) -> list[Any]:
    return [model for model in models if model._meta.object_name not in RECORDS]


def _statement(models: Any, *, everybody: bool = False) -> str:
    return " UNION ALL ".join(
        f"SELECT '{model._meta.object_name}', concat_ws(' ', {_key(model)}), {_row(model)}"
        f" FROM {model._meta.db_table} t"
        + ("" if everybody else f" WHERE {organization_column(model._meta.db_table)} = %s")
        for model in models
    )


def _key(model: Any) -> str:
    return ", ".join(f't."{field.column}"' for field in model._meta.pk_fields)


def _row(model: Any) -> str:
    """The row as JSON, with digests of its vectors."""
    vectors = [f.column for f in model._meta.concrete_fields if "Vector" in f.get_internal_type()]
    digests = "".join(
        f" || jsonb_build_object('{column}', md5(t.{column}::text))" for column in vectors
    )
    return f"(to_jsonb(t){digests})::text"


def _rows(alias: str, statement: str, parameters: list[Any]) -> Rows:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        return {(name, key): row for name, key, row in cursor.fetchall()}


def _is_now(text: str) -> bool:
    """Within the lifetime of a token; samples lie further off."""
    return abs(datetime.fromisoformat(text) - datetime.now(UTC)) < timedelta(days=60)
