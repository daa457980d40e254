"""The audit trail's triggers as constraints, so that migrations carry them.

A trigger sees every change, by whatever way it came, and writes in its transaction. It runs with
the rights of whoever makes the change: row security holds for what it writes as well.
"""

from typing import Any
from uuid import UUID

from tenants.rls import Declaration


class Audited(Declaration):
    """Every change of these columns is written to the audit trail, in the same transaction.

    Of `secrets` only that they changed. `title` is the column that names the row to a reader, and
    `content` keeps its entries from platform staff's login, as the row itself is kept.
    """

    def __init__(
        self,
        *,
        name: str,
        columns: tuple[str, ...],
        secrets: tuple[str, ...] = (),
        title: str = "",
        content: bool = False,
    ):
        super().__init__(name=name)
        self.columns = tuple(columns)
        self.secrets = tuple(secrets)
        self.title = title
        self.content = content

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        table = model._meta.db_table
        return f"""
CREATE FUNCTION public.{table}_audit() RETURNS trigger LANGUAGE plpgsql AS $function$
DECLARE
    was jsonb;
    became jsonb;
    secrets text[] := '{{}}';
BEGIN
    IF TG_OP <> 'INSERT' THEN
        was := {self._object("OLD", model)};
    END IF;
    IF TG_OP <> 'DELETE' THEN
        became := {self._object("NEW", model)};
    END IF;
    {self._changed_secrets()}
    IF TG_OP = 'DELETE' THEN
        PERFORM public.tenants_audit({self._arguments("OLD", model)});
    ELSE
        PERFORM public.tenants_audit({self._arguments("NEW", model)});
    END IF;
    RETURN NULL;
END
$function$;
CREATE TRIGGER {table}_audit AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION public.{table}_audit()
"""

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        table = model._meta.db_table
        return f"DROP TRIGGER {table}_audit ON {table};\n{self.remove_remains_sql(model)}"

    def remove_remains_sql(self, model: Any) -> str:
        return f"DROP FUNCTION public.{model._meta.db_table}_audit()"

    def _object(self, row: str, model: Any) -> str:
        columns = [*self.columns]
        if any(field.name == "is_deleted" for field in model._meta.fields):
            columns.append("is_deleted")
        pairs = (f"'{column}', {row}.{column}" for column in columns)
        return f"jsonb_build_object({', '.join(pairs)})"

    def _changed_secrets(self) -> str:
        return "\n    ".join(
            f"IF TG_OP = 'UPDATE' AND NEW.{column} IS DISTINCT FROM OLD.{column} THEN"
            f" secrets := secrets || '{column}'::text; END IF;"
            for column in self.secrets
        )

    def _arguments(self, row: str, model: Any) -> str:
        label = model._meta.label
        is_organization = label == "tenants.Organization"
        return ", ".join(
            [
                "TG_OP",
                f"'{label}'",
                f"{row}.{'id' if is_organization else 'organization_id'}",
                f"{row}.{model._meta.pk.column}",
                f"{row}.{self.title}::text" if self.title else "''",
                str(self.content).lower(),
                "was",
                "became",
                "secrets",
            ]
        )

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        kwargs["columns"] = self.columns
        for option in ("secrets", "title", "content"):
            if getattr(self, option):
                kwargs[option] = getattr(self, option)
        return path, args, kwargs


class AppendOnly(Declaration):
    """PostgreSQL refuses to change or delete a row, whoever asks; `once` may be set once each.

    TRUNCATE, which `flush` uses, is left to the owner of the table. With `until_purged` rows go
    with their organization, once that one is being removed for good.
    """

    def __init__(self, *, name: str, once: tuple[str, ...] = (), until_purged: bool = False):
        super().__init__(name=name)
        self.once = tuple(once)
        self.until_purged = until_purged

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        table = model._meta.db_table
        return f"""
CREATE FUNCTION public.{table}_keep() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    {self._allowed(model)}{self._purged()}
    RAISE EXCEPTION 'Rows of {table} are only ever added.' USING ERRCODE = 'insufficient_privilege';
END
$function$;
CREATE TRIGGER {table}_keep BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION public.{table}_keep()
"""

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        table = model._meta.db_table
        return f"DROP TRIGGER {table}_keep ON {table};\n{self.remove_remains_sql(model)}"

    def remove_remains_sql(self, model: Any) -> str:
        return f"DROP FUNCTION public.{model._meta.db_table}_keep()"

    def _allowed(self, model: Any) -> str:
        if not self.once:
            return ""
        fixed = [f.column for f in model._meta.concrete_fields if f.column not in self.once]
        conditions = [f"OLD.{column} IS NULL AND NEW.{column} IS NOT NULL" for column in self.once]
        conditions += [f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in fixed]
        return f"IF TG_OP = 'UPDATE' AND {' AND '.join(conditions)} THEN RETURN NEW; END IF;"

    def _purged(self) -> str:
        if not self.until_purged:
            return ""
        # As `tenants.belongings.BEING_PURGED` says it.
        return (
            "IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM public.tenants_organization WHERE id ="
            f" OLD.organization_id AND deletion_id = '{UUID(int=0)}') THEN RETURN OLD; END IF;"
        )

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        if self.once:
            kwargs["once"] = self.once
        if self.until_purged:
            kwargs["until_purged"] = True
        return path, args, kwargs
