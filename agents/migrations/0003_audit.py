from django.conf import settings
from django.db import migrations

import tenants.audit.triggers


class Migration(migrations.Migration):
    """Changes are written to the audit trail."""

    dependencies = [
        ("agents", "0002_lookups"),
        ("tenants", "0005_audit"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="agentconfig",
            constraint=tenants.audit.triggers.Audited(
                columns=(
                    "project_id",
                    "name",
                    "slug",
                    "description",
                    "is_active",
                    "agent_type",
                    "system_prompt",
                    "model_name",
                    "temperature",
                    "max_tokens",
                    "tools",
                    "metadata",
                ),
                name="agents_agentconfig_audit",
                title="name",
            ),
        ),
        migrations.AddConstraint(
            model_name="agentversion",
            constraint=tenants.audit.triggers.Audited(
                columns=(
                    "agent_id",
                    "number",
                    "note",
                    "published_by_id",
                    "agent_type",
                    "model_name",
                ),
                name="agents_agentversion_audit",
                title="number",
            ),
        ),
        migrations.AddConstraint(
            model_name="conversation",
            constraint=tenants.audit.triggers.Audited(
                columns=("user_id", "project_id", "agent_id", "title"),
                content=True,
                name="agents_conversation_audit",
                title="title",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=tenants.audit.triggers.Audited(
                columns=("conversation_id", "role"), content=True, name="agents_message_audit"
            ),
        ),
    ]
