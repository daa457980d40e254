from django.conf import settings
from django.db import migrations

import tenants.audit.triggers


class Migration(migrations.Migration):
    """Grants are written to the audit trail."""

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("knowledge", "0004_grants"),
        ("tenants", "0010_grants_audited"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="document",
            name="knowledge_document_audit",
        ),
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
                    "is_restricted",
                ),
                content=True,
                name="knowledge_document_audit",
                title="filename",
            ),
        ),
        migrations.AddConstraint(
            model_name="documentrolegrant",
            constraint=tenants.audit.triggers.Audited(
                columns=("content_object_id", "group_id", "permission_id"),
                content=True,
                name="knowledge_documentrolegrant_audit",
            ),
        ),
        migrations.AddConstraint(
            model_name="documentusergrant",
            constraint=tenants.audit.triggers.Audited(
                columns=("content_object_id", "user_id", "permission_id"),
                content=True,
                name="knowledge_documentusergrant_audit",
            ),
        ),
    ]
