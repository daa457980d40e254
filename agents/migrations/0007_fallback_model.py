from django.db import migrations, models

import tenants.audit.triggers

_FIELD = {"blank": True, "default": "", "db_default": "", "max_length": 100}


class Migration(migrations.Migration):
    """A model that is asked where the agent's own fails."""

    dependencies = [("agents", "0006_purge")]

    operations = [
        migrations.RemoveConstraint("agentconfig", "agents_agentconfig_audit"),
        migrations.RemoveConstraint("agentversion", "agents_agentversion_audit"),
        migrations.AddField("agentconfig", "fallback_model", models.CharField(**_FIELD)),
        migrations.AddField("agentversion", "fallback_model", models.CharField(**_FIELD)),
        migrations.AddConstraint(
            "agentconfig",
            tenants.audit.triggers.Audited(
                columns=(
                    "project_id",
                    "name",
                    "slug",
                    "description",
                    "is_active",
                    "agent_type",
                    "system_prompt",
                    "model_name",
                    "fallback_model",
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
            "agentversion",
            tenants.audit.triggers.Audited(
                columns=(
                    "agent_id",
                    "number",
                    "note",
                    "published_by_id",
                    "agent_type",
                    "model_name",
                    "fallback_model",
                ),
                name="agents_agentversion_audit",
                title="number",
            ),
        ),
    ]
