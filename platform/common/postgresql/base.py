from typing import Any

from django.db.backends.postgresql import base, features, operations, schema


class DatabaseFeatures(features.DatabaseFeatures):
    # `GROUP BY id` does not cover the other columns once the primary key is (tenant, id).
    allows_group_by_selected_pks = False
    can_defer_constraint_checks = False


class DatabaseOperations(operations.DatabaseOperations):
    def deferrable_sql(self) -> str:
        """Foreign keys are checked by the statement that breaks them, not at COMMIT."""
        return ""


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    # Django's own forms begin with SET CONSTRAINTS, which refuses keys that cannot be deferred.
    sql_create_column_inline_fk = (
        "CONSTRAINT %(name)s REFERENCES %(to_table)s(%(to_column)s)%(deferrable)s"
    )
    sql_delete_fk = "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s"

    def delete_model(self, model: Any) -> None:
        """Remove the table, and the functions that its constraints' triggers called."""
        super().delete_model(model)
        for constraint in model._meta.constraints:
            if remains := getattr(constraint, "remove_remains_sql", None):
                self.execute(remains(model))


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
