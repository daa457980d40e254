from django.db import migrations

from tenants.operations import CreateLookup


class Migration(migrations.Migration):
    """What the sweep of documents asks across organizations: ids alone."""

    dependencies = [
        ("knowledge", "0001_initial"),
        ("procrastinate", "0041_post_retry_failed_job"),
        ("tenants", "0002_lookups"),
    ]

    operations = [
        CreateLookup(
            "knowledge_find_waiting(at_most integer)",
            returns="TABLE (organization_id uuid, document_id uuid)",
            body="""
                SELECT d.organization_id, d.id FROM knowledge_document d
                WHERE d.processing_status IN ('pending', 'processing') AND NOT d.is_deleted
                  AND NOT EXISTS (
                    SELECT FROM procrastinate_jobs j
                    WHERE j.queueing_lock = 'ingest:' || d.id AND j.status IN ('todo', 'doing')
                  )
                ORDER BY d.id LIMIT at_most
            """,
        ),
    ]
