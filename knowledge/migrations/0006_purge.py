from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """What finds deleted rows, and what refers to a row that goes for good."""

    atomic = False  # indexes on large tables are built while these are written to

    dependencies = [
        ("knowledge", "0005_grants_audited"),
        ("tenants", "0012_retention"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="document",
            index=models.Index(
                condition=models.Q(("uploaded_by__isnull", False)),
                fields=["organization", "uploaded_by"],
                name="knowledge_document_by_uploader",
            ),
        ),
        AddIndexConcurrently(
            model_name="document",
            index=models.Index(
                condition=models.Q(("is_deleted", True)),
                fields=["organization", "deleted_at"],
                name="knowledge_document_deleted",
            ),
        ),
        AddIndexConcurrently(
            model_name="documentchunk",
            index=models.Index(
                fields=["organization", "document"], name="knowledge_documentchunk_parent"
            ),
        ),
        AddIndexConcurrently(
            model_name="documentchunk",
            index=models.Index(
                condition=models.Q(("is_deleted", True)),
                fields=["organization", "deleted_at"],
                name="knowledge_documentchunk_gone",
            ),
        ),
    ]
