"""A key whose index holds all that its readers want, so that they need not visit the table."""

from typing import Any

from tenants.rls import OrganizationKey


class CoveringKey(OrganizationKey):
    """The composite primary key of a model, with further fields beside it in its index."""

    def __init__(self, *, name: str, include: tuple[str, ...]):
        super().__init__(name=name)
        self.include = tuple(include)

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        columns = (model._meta.get_field(name).column for name in self.include)
        included = ", ".join(schema_editor.quote_name(column) for column in columns)
        return self._key_sql(model, schema_editor, f" INCLUDE ({included})")

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        return self._key_sql(model, schema_editor, "")

    def _key_sql(self, model: Any, schema_editor: Any, beside: str) -> str:
        quote = schema_editor.quote_name
        table = model._meta.db_table
        name = quote(f"{table}_pkey")
        columns = ", ".join(quote(field.column) for field in model._meta.pk_fields)
        return (
            f"ALTER TABLE {quote(table)} DROP CONSTRAINT {name},"
            f" ADD CONSTRAINT {name} PRIMARY KEY ({columns}){beside}"
        )

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | {"include": self.include}
