from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import pre_migrate


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "organizations"

    def ready(self):
        from tenants import checks  # noqa: F401
        from tenants.context import install_guard
        from tenants.logins_check import refuse_blind_migration, refuse_powerful_login

        connection_created.connect(install_guard, dispatch_uid="tenants.guard")
        connection_created.connect(refuse_powerful_login, dispatch_uid="tenants.logins")
        pre_migrate.connect(refuse_blind_migration, sender=self, dispatch_uid="tenants.migrate")
