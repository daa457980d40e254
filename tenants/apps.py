from django.apps import AppConfig
from django.db.backends.signals import connection_created


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "organizations"

    def ready(self):
        from tenants import checks  # noqa: F401
        from tenants.context import install_guard

        connection_created.connect(install_guard, dispatch_uid="tenants.guard")
