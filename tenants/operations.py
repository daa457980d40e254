"""Migration operations for what models cannot say."""

from django.db import migrations

from common.logins import APP, PLATFORM


class CreateLookup(migrations.RunSQL):
    """A function that reads across organizations, as the owner, for one narrow question.

    It answers before an organization is known (whose token is this?), so it only reads, returns
    no more than it must and is executable by the application alone. Temporary tables come last in
    its path: else whoever may make one could put it in the place of a table that it reads.
    """

    def __init__(self, signature, *, returns, body):
        super().__init__(
            f"""
            CREATE FUNCTION {signature} RETURNS {returns}
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
            AS $body${body}$body$;
            REVOKE ALL ON FUNCTION {signature} FROM PUBLIC;
            GRANT EXECUTE ON FUNCTION {signature} TO {APP};
            """,
            f"DROP FUNCTION {signature}",
        )
        self.signature, self.returns, self.body = signature, returns, body

    def deconstruct(self):
        return (
            self.__class__.__name__,
            [self.signature],
            {"returns": self.returns, "body": self.body},
        )


class CreateFunction(migrations.RunSQL):
    """A function of PL/pgSQL or SQL that runs with the rights of whoever calls it."""

    def __init__(self, signature, *, returns, language, body):
        super().__init__(
            f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE {language}"
            f" AS $body${body}$body$",
            f"DROP FUNCTION {signature}",
        )
        self.signature, self.returns, self.language, self.body = signature, returns, language, body

    def deconstruct(self):
        options = {"returns": self.returns, "language": self.language, "body": self.body}
        return self.__class__.__name__, [self.signature], options


class GrantTable(migrations.RunSQL):
    """Let both logins do `verbs` on a table that belongs to no organization.

    `sequence` is the one that its INSERT takes numbers from, if any. Without `platform` it is the
    application's login alone.
    """

    def __init__(self, table, verbs, sequence=None, *, platform=True):
        objects = [f"{verbs} ON {table}"] + ([f"USAGE ON SEQUENCE {sequence}"] if sequence else [])
        logins = f"{APP}, {PLATFORM}" if platform else APP
        super().__init__(
            [f"GRANT {what} TO {logins}" for what in objects],
            [f"REVOKE {what} FROM {logins}" for what in objects],
        )
        self.table, self.verbs, self.sequence, self.platform = table, verbs, sequence, platform

    def deconstruct(self):
        kwargs = {"sequence": self.sequence} if self.sequence else {}
        if not self.platform:
            kwargs["platform"] = False
        return self.__class__.__name__, [self.table, self.verbs], kwargs


class ForgetPermissions(migrations.RunPython):
    """Remove Django's names of rights over a model that cannot be granted any more."""

    def __init__(self, app_label, model_name, *actions):
        super().__init__(self._forget, migrations.RunPython.noop)
        self.names = app_label, model_name, *actions

    def _forget(self, apps, schema_editor):
        app_label, model_name, *actions = self.names
        permissions = apps.get_model("auth", "Permission").objects
        permissions.using(schema_editor.connection.alias).filter(
            content_type__app_label=app_label,
            codename__in=[f"{action}_{model_name}" for action in actions],
        ).delete()

    def deconstruct(self):
        return self.__class__.__name__, [*self.names], {}
