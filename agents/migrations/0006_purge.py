from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """What finds deleted rows, and what refers to a row that goes for good."""

    atomic = False  # indexes on large tables are built while these are written to

    dependencies = [
        ("agents", "0005_grants_audited"),
        ("tenants", "0012_retention"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="agentversion",
            index=models.Index(
                condition=models.Q(("published_by__isnull", False)),
                fields=["organization", "published_by"],
                name="agents_agentversion_publisher",
            ),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("is_deleted", True)),
                fields=["organization", "deleted_at"],
                name="agents_conversation_deleted",
            ),
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                condition=models.Q(("agent_version__isnull", False)),
                fields=["organization", "agent_version"],
                name="agents_message_by_version",
            ),
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                condition=models.Q(("is_deleted", True)),
                fields=["organization", "deleted_at"],
                name="agents_message_deleted",
            ),
        ),
    ]
