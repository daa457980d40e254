from django.apps import AppConfig
from django.db.models import Count


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self):
        from tenants.counters import Counter, register

        register(
            Counter(
                holder="agents.Conversation",
                field="message_count",
                source="agents.Message",
                key="conversation_id",
                total=Count("pk"),
            )
        )
