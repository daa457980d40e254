from django.db import migrations

DROP = "DROP INDEX CONCURRENTLY IF EXISTS knowledge_job_turns"


class Migration(migrations.Migration):
    """What finds the last job that an organization has waiting in a queue."""

    atomic = False  # the index is built while jobs are queued

    dependencies = [
        ("knowledge", "0011_progress"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    operations = [
        migrations.RunSQL(
            [
                DROP,  # what an interrupted run left behind serves nobody
                """
                CREATE INDEX CONCURRENTLY knowledge_job_turns
                ON procrastinate_jobs (queue_name, (args ->> 'organization_id'), priority)
                WHERE status = 'todo'
                """,
            ],
            DROP,
        ),
    ]
