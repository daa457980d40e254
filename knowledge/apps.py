from django.apps import AppConfig
from django.db.models import Sum


class KnowledgeConfig(AppConfig):
    name = "knowledge"

    def ready(self):
        from tenants.counters import Counter, register

        register(
            Counter(
                holder="tenants.OrganizationUsage",
                field="storage_bytes",
                source="knowledge.Document",
                key="organization_id",
                total=Sum("file_size"),
            )
        )
