import django.db.models.deletion
from django.db import migrations

import tenants.fields

# Code from before leaves questions without it, and reads nothing from it.
FILL = """
UPDATE agents_message AS question SET reply_to_id = (
    SELECT reply.id FROM agents_message AS reply
    WHERE reply.organization_id = question.organization_id
        AND reply.conversation_id = question.conversation_id
        AND reply.role = 'assistant' AND NOT reply.is_deleted AND reply.id < question.id
    ORDER BY reply.id DESC LIMIT 1
)
WHERE question.role = 'user' AND question.reply_to_id IS NULL
"""


class Migration(migrations.Migration):
    """A question names the reply that it follows."""

    dependencies = [("agents", "0011_versions_written_once")]

    operations = [
        migrations.AlterField(
            model_name="message",
            name="reply_to",
            field=tenants.fields.TenantForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="replies",
                to="agents.message",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
