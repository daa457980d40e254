"""Which login a query goes through."""

from django.db import DEFAULT_DB_ALIAS

from tenants.context import PLATFORM_ALIAS, is_acting_as_platform


class LoginRouter:
    """Platform staff's queries take their own login; everything else is the application."""

    def db_for_read(self, model, **hints):
        return PLATFORM_ALIAS if is_acting_as_platform() else DEFAULT_DB_ALIAS

    db_for_write = db_for_read

    def allow_relation(self, first, second, **hints):
        return True  # two logins of one database

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if db == PLATFORM_ALIAS:
            return False
        # Procrastinate's models are a read-only view of its tables: jobs do not belong in fixtures.
        return not (app_label == "procrastinate" and model_name)
