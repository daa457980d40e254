import django.db.models.deletion
import django.db.models.lookups
import django.db.models.manager
from django.db import migrations, models

import common.ids
import tenants.audit.triggers
import tenants.context
import tenants.fields
import tenants.rls


class Migration(migrations.Migration):
    """Organizations' own access to language models."""

    dependencies = [
        ("agents", "0007_fallback_model"),
        ("tenants", "0015_provider_permissions"),
    ]

    operations = [
        migrations.CreateModel(
            name="ModelProvider",
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
                ("name", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("openai", "OpenAI, or a server that speaks its protocol"),
                            ("anthropic", "Anthropic"),
                            ("gemini", "Google Gemini"),
                        ],
                        max_length=20,
                    ),
                ),
                ("base_url", models.CharField(blank=True, max_length=255)),
                ("is_active", models.BooleanField(default=True)),
                ("sealed_key", models.TextField(blank=True, editable=False)),
                ("key_end", models.CharField(blank=True, editable=False, max_length=4)),
                ("models", models.JSONField(blank=True, default=list)),
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
            ],
            options={
                "verbose_name": "model provider",
                "ordering": ["name", "id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_deleted", True)),
                        fields=["organization", "deleted_at"],
                        name="agents_modelprovider_deleted",
                    )
                ],
                "constraints": [
                    tenants.rls.OrganizationKey(name="agents_modelprovider_key"),
                    tenants.rls.RowSecurity(name="agents_modelprovider_rows", platform=True),
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
                        name="agents_modelprovider_deletion",
                    ),
                    tenants.audit.triggers.Audited(
                        columns=("name", "kind", "base_url", "models", "is_active"),
                        name="agents_modelprovider_audit",
                        secrets=("sealed_key",),
                        title="name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["openai", "anthropic", "gemini"])),
                        name="agents_modelprovider_kind",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func(
                                "models",
                                function="jsonb_typeof",
                                output_field=models.CharField(),
                            ),
                            models.Value("array"),
                        ),
                        name="agents_modelprovider_models",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_deleted", False)),
                        fields=("organization", "name"),
                        name="agents_modelprovider_name",
                    ),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
    ]
