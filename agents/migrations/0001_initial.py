import django.core.validators
import django.db.models.deletion
import django.db.models.lookups
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models

import common.ids
import tenants.context
import tenants.fields
import tenants.rls


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AgentConfig",
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
                    "agent_type",
                    models.CharField(
                        choices=[
                            ("rfp", "RFP answers"),
                            ("jira", "Jira"),
                            ("doc", "Documents"),
                            ("hr", "HR"),
                            ("finance", "Finance"),
                        ],
                        max_length=100,
                    ),
                ),
                ("system_prompt", models.TextField()),
                ("model_name", models.CharField(default="gemini-2.5-pro", max_length=100)),
                (
                    "temperature",
                    models.FloatField(
                        default=0.7,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(2),
                        ],
                    ),
                ),
                (
                    "max_tokens",
                    models.PositiveIntegerField(
                        default=4096, validators=[django.core.validators.MinValueValidator(1)]
                    ),
                ),
                ("tools", models.JSONField(blank=True, default=list)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="agent_configs",
                        to="tenants.organization",
                    ),
                ),
                (
                    "project",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        help_text="Leave empty for every project.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="agent_configs",
                        to="tenants.project",
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("slug", models.SlugField(db_index=False, max_length=100)),
                ("description", models.TextField(blank=True)),
                ("is_active", models.BooleanField(default=True)),
            ],
            options={
                "verbose_name": "agent",
                "ordering": ["name", "id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization", "name"], name="agents_agentconfig_by_name"
                    ),
                    models.Index(
                        fields=["organization", "project"], name="agents_agentconfig_by_project"
                    ),
                ],
                "constraints": [
                    tenants.rls.OrganizationKey(name="agents_agentconfig_key"),
                    tenants.rls.RowSecurity(name="agents_agentconfig_rows", platform=True),
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
                        name="agents_agentconfig_deletion",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("agent_type__in", ["rfp", "jira", "doc", "hr", "finance"])
                        ),
                        name="agents_agentconfig_agent_type",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("temperature__gte", 0), ("temperature__lte", 2)),
                        name="agents_agentconfig_temperature",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("max_tokens__gt", 0)),
                        name="agents_agentconfig_max_tokens",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func(
                                "tools", function="jsonb_typeof", output_field=models.CharField()
                            ),
                            models.Value("array"),
                        ),
                        name="agents_agentconfig_tools",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func(
                                "metadata", function="jsonb_typeof", output_field=models.CharField()
                            ),
                            models.Value("object"),
                        ),
                        name="agents_agentconfig_metadata",
                    ),
                    tenants.rls.CompositeForeignKey("project", name="agents_agentconfig_project"),
                    models.UniqueConstraint(
                        condition=models.Q(("is_deleted", False)),
                        fields=("organization", "slug"),
                        name="agents_agentconfig_slug",
                    ),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="AgentVersion",
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
                    "agent_type",
                    models.CharField(
                        choices=[
                            ("rfp", "RFP answers"),
                            ("jira", "Jira"),
                            ("doc", "Documents"),
                            ("hr", "HR"),
                            ("finance", "Finance"),
                        ],
                        max_length=100,
                    ),
                ),
                ("system_prompt", models.TextField()),
                ("model_name", models.CharField(default="gemini-2.5-pro", max_length=100)),
                (
                    "temperature",
                    models.FloatField(
                        default=0.7,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(2),
                        ],
                    ),
                ),
                (
                    "max_tokens",
                    models.PositiveIntegerField(
                        default=4096, validators=[django.core.validators.MinValueValidator(1)]
                    ),
                ),
                ("tools", models.JSONField(blank=True, default=list)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                (
                    "agent",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="agents.agentconfig",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("note", models.CharField(blank=True, max_length=255)),
                (
                    "published_by",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["agent", "-number"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "constraints": [
                    tenants.rls.OrganizationKey(name="agents_agentversion_key"),
                    tenants.rls.RowSecurity(name="agents_agentversion_rows", platform=True),
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
                        name="agents_agentversion_deletion",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("agent_type__in", ["rfp", "jira", "doc", "hr", "finance"])
                        ),
                        name="agents_agentversion_agent_type",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("temperature__gte", 0), ("temperature__lte", 2)),
                        name="agents_agentversion_temperature",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("max_tokens__gt", 0)),
                        name="agents_agentversion_max_tokens",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func(
                                "tools", function="jsonb_typeof", output_field=models.CharField()
                            ),
                            models.Value("array"),
                        ),
                        name="agents_agentversion_tools",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func(
                                "metadata", function="jsonb_typeof", output_field=models.CharField()
                            ),
                            models.Value("object"),
                        ),
                        name="agents_agentversion_metadata",
                    ),
                    tenants.rls.CompositeForeignKey("agent", name="agents_agentversion_agent"),
                    tenants.rls.CompositeForeignKey(
                        "published_by", name="agents_agentversion_published_by"
                    ),
                    models.UniqueConstraint(
                        fields=("organization", "agent", "number"),
                        name="agents_agentversion_number",
                    ),
                ],
                "indexes": [],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="Conversation",
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
                        related_name="conversations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="conversations",
                        to="tenants.project",
                    ),
                ),
                (
                    "agent",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="conversations",
                        to="agents.agentconfig",
                    ),
                ),
                ("title", models.CharField(blank=True, max_length=255)),
                ("message_count", models.PositiveIntegerField(default=0, editable=False)),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization", "user", "-id"], name="agents_conversation_by_user"
                    ),
                    models.Index(
                        fields=["organization", "project"], name="agents_conversation_by_project"
                    ),
                    models.Index(
                        fields=["organization", "agent"], name="agents_conversation_by_agent"
                    ),
                ],
                "constraints": [
                    tenants.rls.OrganizationKey(name="agents_conversation_key"),
                    tenants.rls.RowSecurity(name="agents_conversation_rows"),
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
                        name="agents_conversation_deletion",
                    ),
                    tenants.rls.CompositeForeignKey("user", name="agents_conversation_user"),
                    tenants.rls.CompositeForeignKey("project", name="agents_conversation_project"),
                    tenants.rls.CompositeForeignKey("agent", name="agents_conversation_agent"),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="Message",
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
                    "conversation",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="agents.conversation",
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("user", "User"),
                            ("assistant", "Assistant"),
                            ("system", "System"),
                            ("tool", "Tool"),
                        ],
                        max_length=50,
                    ),
                ),
                ("content", models.TextField(blank=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("stopped", "Stopped"),
                            ("interrupted", "Interrupted"),
                        ],
                        default="completed",
                        max_length=50,
                    ),
                ),
                ("finish_reason", models.CharField(blank=True, max_length=50)),
                ("tokens_used", models.PositiveIntegerField(blank=True, null=True)),
                ("citations", models.JSONField(blank=True, default=list)),
                (
                    "agent_version",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="agents.agentversion",
                    ),
                ),
                (
                    "reply_to",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replies",
                        to="agents.message",
                    ),
                ),
                ("idempotency_key", models.CharField(blank=True, editable=False, max_length=100)),
            ],
            options={
                "ordering": ["id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization", "conversation", "id"],
                        name="agents_message_by_conversation",
                    ),
                    models.Index(
                        condition=models.Q(("reply_to__isnull", False)),
                        fields=["organization", "reply_to"],
                        name="agents_message_by_reply_to",
                    ),
                ],
                "constraints": [
                    tenants.rls.OrganizationKey(name="agents_message_key"),
                    tenants.rls.RowSecurity(name="agents_message_rows"),
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
                        name="agents_message_deletion",
                    ),
                    tenants.rls.CompositeForeignKey(
                        "conversation", name="agents_message_conversation"
                    ),
                    tenants.rls.CompositeForeignKey(
                        "agent_version", name="agents_message_agent_version"
                    ),
                    tenants.rls.CompositeForeignKey("reply_to", name="agents_message_reply_to"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["user", "assistant", "system", "tool"])),
                        name="agents_message_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["pending", "completed", "failed", "stopped", "interrupted"],
                            )
                        ),
                        name="agents_message_status",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_deleted", False), ("status", "pending")),
                        fields=("organization", "conversation"),
                        name="agents_message_one_turn_at_a_time",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("idempotency_key", ""), _negated=True),
                        fields=("organization", "conversation", "idempotency_key"),
                        name="agents_message_idempotency_key",
                    ),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="TurnEvent",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "message",
                        "sequence",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
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
                    "message",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="agents.message",
                    ),
                ),
                ("sequence", models.PositiveIntegerField()),
                ("kind", models.CharField(max_length=50)),
                ("data", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["sequence"],
                "base_manager_name": "objects",
                "constraints": [
                    tenants.rls.RowSecurity(name="agents_turnevent_rows"),
                    tenants.rls.CompositeForeignKey("message", name="agents_turnevent_message"),
                ],
                "indexes": [],
            },
        ),
    ]
