from django.db import migrations

from tenants.operations import CreateLookup


class Migration(migrations.Migration):
    """What the sweep of turns asks across organizations: ids alone."""

    dependencies = [
        ("agents", "0001_initial"),
        ("procrastinate", "0041_post_retry_failed_job"),
        ("tenants", "0002_lookups"),
    ]

    operations = [
        CreateLookup(
            "agents_find_lost_replies(at_most integer)",
            returns="TABLE (organization_id uuid, reply_id uuid)",
            body="""
                SELECT m.organization_id, m.id FROM agents_message m
                WHERE m.status = 'pending' AND NOT m.is_deleted
                  AND NOT EXISTS (
                    SELECT FROM procrastinate_jobs j
                    WHERE j.queueing_lock = 'turn:' || m.id AND j.status IN ('todo', 'doing')
                  )
                ORDER BY m.id LIMIT at_most
            """,
        ),
    ]
