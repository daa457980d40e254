from django.db import migrations

from tenants.operations import CreateLookup


class Migration(migrations.Migration):
    """What ends replies that nobody ends, whatever has become of their job: ids alone."""

    dependencies = [("agents", "0013_message_feedback")]

    operations = [
        CreateLookup(
            "agents_find_overdue_replies(seconds integer, at_most integer)",
            returns="TABLE (organization_id uuid, reply_id uuid)",
            body="""
                SELECT m.organization_id, m.id FROM agents_message m
                JOIN agents_turnevent e ON e.organization_id = m.organization_id
                    AND e.message_id = m.id AND e.sequence = 1
                WHERE m.status = 'pending' AND NOT m.is_deleted
                  AND e.created_at < now() - make_interval(secs => seconds)
                ORDER BY m.id LIMIT at_most
            """,
        ),
    ]
