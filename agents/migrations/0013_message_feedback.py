import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models

import common.ids
import tenants.audit.triggers
import tenants.context
import tenants.fields
import tenants.rls


class Migration(migrations.Migration):
    """What people think of replies."""

    dependencies = [
        ("agents", "0012_conversation_tree"),
        ("tenants", "0015_provider_permissions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MessageFeedback",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_deleted", models.BooleanField(default=False, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                ("deletion_id", models.UUIDField(editable=False, null=True)),
                (
                    "rating",
                    models.CharField(choices=[("up", "Up"), ("down", "Down")], max_length=50),
                ),
                ("comment", models.CharField(blank=True, max_length=2000)),
                (
                    "message",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="feedback",
                        to="agents.message",
                    ),
                ),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "user",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "feedback",
                "ordering": ["-id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization", "message"], name="agents_feedback_by_message"
                    ),
                    models.Index(fields=["organization", "user"], name="agents_feedback_by_user"),
                    models.Index(
                        condition=models.Q(("is_deleted", True)),
                        fields=["organization", "deleted_at"],
                        name="agents_feedback_deleted",
                    ),
                ],
                "constraints": [
                    tenants.rls.OrganizationKey(name="agents_messagefeedback_key"),
                    tenants.rls.RowSecurity(name="agents_messagefeedback_rows"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at", None), ("deletion_id", None), ("is_deleted", False)
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deletion_id__isnull", False),
                                ("is_deleted", True),
                            ),
                            _connector="OR",
                        ),
                        name="agents_messagefeedback_deletion",
                    ),
                    tenants.audit.triggers.Audited(
                        columns=("message_id", "user_id", "rating"),
                        content=True,
                        name="agents_messagefeedback_audit",
                        title="rating",
                    ),
                    tenants.rls.CompositeForeignKey(
                        "message", name="agents_messagefeedback_message"
                    ),
                    tenants.rls.CompositeForeignKey("user", name="agents_messagefeedback_user"),
                    models.CheckConstraint(
                        condition=models.Q(("rating__in", ["up", "down"])),
                        name="agents_messagefeedback_rating",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_deleted", False)),
                        fields=("organization", "message", "user"),
                        name="agents_messagefeedback_one_each",
                    ),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
    ]
