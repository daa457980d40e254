import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tenants.audit.triggers
import tenants.fields
import tenants.rls


class Migration(migrations.Migration):
    """What is attached to a mail is a document of its own. No row is in the new indexes yet."""

    dependencies = [
        ("knowledge", "0006_purge"),
        ("tenants", "0014_newest_of_the_audit_trail"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="document",
            name="knowledge_document_audit",
        ),
        migrations.AddField(
            model_name="document",
            name="attachment_of",
            field=tenants.fields.TenantForeignKey(
                blank=True,
                editable=False,
                help_text="The mail to which this is attached.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="attachments",
                to="knowledge.document",
            ),
        ),
        migrations.AddField(
            model_name="document",
            name="attachment_position",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="document",
            name="notice",
            field=models.TextField(
                blank=True,
                db_default="",
                editable=False,
                help_text="What of the file was left out, such as an attachment that cannot be read.",
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("attachment_of__isnull", False)),
                fields=["organization", "attachment_of"],
                name="knowledge_document_attached",
            ),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=tenants.audit.triggers.Audited(
                columns=(
                    "project_id",
                    "uploaded_by_id",
                    "attachment_of_id",
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
            model_name="document",
            constraint=tenants.rls.CompositeForeignKey(
                "attachment_of", name="knowledge_document_attachment_of"
            ),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.UniqueConstraint(
                condition=models.Q(("attachment_of__isnull", False), ("is_deleted", False)),
                fields=("organization", "attachment_of", "attachment_position"),
                name="knowledge_document_attachment",
                violation_error_message="The mail has this attachment already.",
            ),
        ),
    ]
