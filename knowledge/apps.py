from django.apps import AppConfig
from django.db.models import Sum


class KnowledgeConfig(AppConfig):
    name = "knowledge"

    def ready(self):
        from knowledge.embedding import check_choice
        from knowledge.postings import forget_documents
        from tenants.counters import Counter, register
        from tenants.purging import farewell

        check_choice()
        farewell.register("knowledge.Document", forget_documents)
        register(
            Counter(
                holder="tenants.OrganizationUsage",
                field="storage_bytes",
                source="knowledge.Document",
                key="organization_id",
                total=Sum("file_size"),
            )
        )
