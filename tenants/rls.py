"""Row level security and keys as constraints, so that migrations carry them.

The autodetector compares `Meta.constraints`; a model whose policy, key or reference changes gets a
migration, and a model without them fails a system check.
"""

from typing import Any

from django.db.models import BaseConstraint

from common.logins import APP, PLATFORM
from tenants.context import SETTING

_CURRENT = f"NULLIF(current_setting('{SETTING}', true), '')::uuid"
_ALL_VERBS = "SELECT, INSERT, UPDATE, DELETE"

# The four policies. Each is permissive and without a subquery: a restrictive policy turns
# permissive on the shards of a distributed table, and subqueries cost up to 137 times.
TENANT = "tenant"
OWN_ORGANIZATION = "own organization"
READABLE_IF_NULL = "readable if null"
USERS = "users"

_POLICIES = {
    TENANT: [("tenant", "ALL", f"organization_id = {_CURRENT}")],
    OWN_ORGANIZATION: [("own_organization", "ALL", f"id = {_CURRENT}")],
    READABLE_IF_NULL: [
        ("tenant", "ALL", f"organization_id = {_CURRENT}"),
        ("readable_if_null", "SELECT", "organization_id IS NULL"),
    ],
    USERS: [("tenant", "ALL", f"organization_id = {_CURRENT}")],
}


class Declaration(BaseConstraint):
    """A constraint made by statements of its own after the table, never inline."""

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """PostgreSQL holds it; forms are validated by the querysets they choose from."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)


class RowSecurity(Declaration):
    """ENABLE and FORCE row level security, with one named policy, and the logins' privileges.

    `platform` opens the table to platform staff's login: control-plane tables, never content.
    `columns` narrows what the application may UPDATE, `verbs` what it may do at all;
    `platform_columns` and `platform_verbs` do so for platform staff's login, and `platform_rows`
    is a condition on the rows that it reaches.
    """

    def __init__(
        self,
        *,
        name: str,
        policy: str = TENANT,
        platform: bool = False,
        platform_rows: str = "true",
        verbs: str = _ALL_VERBS,
        columns: tuple[str, ...] = (),
        platform_verbs: str = _ALL_VERBS,
        platform_columns: tuple[str, ...] = (),
    ):
        super().__init__(name=name)
        self.policy = policy
        self.platform = platform
        self.platform_rows = platform_rows
        self.verbs = verbs
        self.columns = tuple(columns)
        self.platform_verbs = platform_verbs
        self.platform_columns = tuple(platform_columns)

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        return ";\n".join(
            [
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
                *(
                    f"CREATE POLICY {name} ON {table} FOR {verb} TO {APP} USING ({rows})"
                    + ("" if verb == "SELECT" else f" WITH CHECK ({rows})")
                    for name, verb, rows in _POLICIES[self.policy]
                ),
                *_grants(table, APP, self.verbs, self.columns),
                *self._platform_sql(table),
            ]
        )

    def _platform_sql(self, table: str) -> list[str]:
        if not self.platform:
            return []
        rows = self.platform_rows
        return [
            f"CREATE POLICY platform ON {table} TO {PLATFORM} USING ({rows}) WITH CHECK ({rows})",
            *_grants(table, PLATFORM, self.platform_verbs, self.platform_columns),
        ]

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        names = [name for name, _, _ in _POLICIES[self.policy]]
        if self.platform:
            names.append("platform")
        return ";\n".join(
            [
                f"REVOKE ALL ON {table} FROM {APP}, {PLATFORM}",
                *(f"DROP POLICY {name} ON {table}" for name in names),
                f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            ]
        )

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        defaults = {
            "policy": TENANT,
            "platform": False,
            "platform_rows": "true",
            "verbs": _ALL_VERBS,
            "columns": (),
            "platform_verbs": _ALL_VERBS,
            "platform_columns": (),
        }
        kwargs |= {
            option: getattr(self, option)
            for option, default in defaults.items()
            if getattr(self, option) != default
        }
        return path, args, kwargs


def _grants(table: str, login: str, verbs: str, columns: tuple[str, ...]) -> list[str]:
    grants = [f"GRANT {verbs} ON {table} TO {login}"]
    if columns:
        grants.append(f"GRANT UPDATE ({', '.join(columns)}) ON {table} TO {login}")
    return grants


class OrganizationKey(Declaration):
    """PRIMARY KEY (organization_id, key) in the database; Django goes on thinking of one column."""

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        return self._swap(model, schema_editor, f"organization_id, {_key(model)}")

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        return self._swap(model, schema_editor, _key(model))

    def _swap(self, model: Any, schema_editor: Any, columns: str) -> str:
        table = model._meta.db_table
        name = schema_editor.quote_name(f"{table}_pkey")
        return (
            f"ALTER TABLE {schema_editor.quote_name(table)} "
            f"DROP CONSTRAINT {name}, ADD CONSTRAINT {name} PRIMARY KEY ({columns})"
        )


class CompositeForeignKey(Declaration):
    """FOREIGN KEY (organization_id, x_id), so that both rows are of one organization.

    `companion` and `references` name other columns than `organization_id` to hold equal.
    """

    def __init__(
        self,
        field: str,
        *,
        name: str,
        companion: str = "organization_id",
        references: str = "organization_id",
    ):
        super().__init__(name=name)
        self.field = field
        self.companion = companion
        self.references = references

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        field = model._meta.get_field(self.field)
        target = field.related_model._meta
        return (
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY ({self.companion}, {quote(field.column)}) "
            f"REFERENCES {quote(target.db_table)} ({self.references}, {quote(target.pk.column)})"
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"

    def deconstruct(self) -> Any:
        path, _, kwargs = super().deconstruct()
        for option in ("companion", "references"):
            if getattr(self, option) != "organization_id":
                kwargs[option] = getattr(self, option)
        return path, (self.field,), kwargs


def _key(model: Any) -> str:
    return f'"{model._meta.pk.column}"'
