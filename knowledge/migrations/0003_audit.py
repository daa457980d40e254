from django.conf import settings
from django.db import migrations

import tenants.audit.triggers


class Migration(migrations.Migration):
    """Changes are written to the audit trail."""

    dependencies = [
        ("knowledge", "0002_lookups"),
        ("tenants", "0005_audit"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="document",
            constraint=tenants.audit.triggers.Audited(
                columns=(
                    "project_id",
                    "uploaded_by_id",
                    "filename",
                    "file_type",
                    "file_size",
                    "sha256",
                    "metadata",
                    "processing_status",
                    "error",
                    "is_searchable",
                ),
                content=True,
                name="knowledge_document_audit",
                title="filename",
            ),
        ),
    ]
