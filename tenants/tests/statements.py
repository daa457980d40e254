"""Which statements touch an organization's tables without naming the organization."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.tests.rows import tenant_models

# Small tables that every node would hold: where they are joined or looked into, that may do.
REPLICATED = {
    "tenants_accesstoken",
    "tenants_organization",
    "tenants_role",
    "tenants_rolepermission",
    "tenants_staffaccess",
    "tenants_user",
}
_TABLES = "|".join(model._meta.db_table for model in tenant_models())
_TOUCHED = re.compile(
    rf'(?P<how>FROM|JOIN|UPDATE|INTO) "(?P<table>{_TABLES})"(?: (?P<alias>[A-Z]+\d+)\b)?'
)
_NAME = r'(?:([A-Z]+\d+|"\w+")\."organization_id"|("tenants_organization")\."id")'
_EQUAL = re.compile(rf"{_NAME} = \(?{_NAME}")


@contextmanager
def every_statement_names(organization: Any) -> Iterator[None]:
    """Fail when a statement inside touches a table without saying whose rows it means."""
    with CaptureQueriesContext(connection) as captured:
        yield
    unnamed = [
        f"{', '.join(sorted(found))}: {query['sql']}"
        for query in captured.captured_queries
        if (found := unnamed_tables(query["sql"], organization))
    ]
    assert not unnamed, "\n".join(unnamed)


def unnamed_tables(statement: str, organization: Any) -> set[str]:
    """The tables that a statement touches with no condition that leads to the organization's id."""
    statement = statement.replace(str(organization.pk), organization.pk.hex)
    named = _named(statement, organization.pk.hex)
    unnamed = set()
    for match in _TOUCHED.finditer(statement):
        table, alias = match["table"], match["alias"]
        if match["how"] == "INTO":
            if not _inserts_for(statement, organization.pk.hex):
                unnamed.add(table)
        elif table in REPLICATED and (match["how"] == "JOIN" or alias):
            continue
        elif (alias or f'"{table}"') not in named:
            unnamed.add(table)
    return unnamed


def _named(statement: str, organization_id: str) -> set[str]:
    """The aliases whose organization is given, or the same as that of another which is."""
    given = re.findall(rf"{_NAME} (?:=|IN) \(*'?{organization_id}", statement)
    named = {name for names in given for name in names if name}
    pairs = [{name for name in names if name} for names in _EQUAL.findall(statement)]
    while more := {name for pair in pairs if pair & named for name in pair} - named:
        named |= more
    return named


def _inserts_for(statement: str, organization_id: str) -> bool:
    columns, _, values = statement.partition(" VALUES ")
    return '"organization_id"' in columns and organization_id in values
