import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models

import common.ids
import tenants.audit.triggers
import tenants.context
import tenants.fields
import tenants.rls
from tenants.operations import CreateLookup


class Migration(migrations.Migration):
    """What each call of a model used, and budgets for it."""

    dependencies = [
        ("agents", "0009_asked_with"),
        ("tenants", "0016_budget_permissions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Budget",
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
                ("name", models.CharField(blank=True, max_length=100)),
                (
                    "unit",
                    models.CharField(
                        choices=[("tokens", "Tokens"), ("money", "Money")], max_length=20
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        blank=True,
                        max_length=3,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z]{3}\\Z", "Write three capitals, such as USD."
                            )
                        ],
                    ),
                ),
                (
                    "period",
                    models.CharField(choices=[("day", "Day"), ("month", "Month")], max_length=20),
                ),
                (
                    "limit",
                    models.DecimalField(
                        decimal_places=6,
                        max_digits=20,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "agent",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budgets",
                        to="agents.agentconfig",
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
                    "project",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budgets",
                        to="tenants.project",
                    ),
                ),
                (
                    "user",
                    tenants.fields.TenantForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budgets",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "abstract": False,
                "base_manager_name": "all_objects",
                "default_manager_name": "objects",
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("all_objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="BudgetPeriod",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "budget",
                        "starts_on",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("starts_on", models.DateField()),
                ("used", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                ("reserved", models.DecimalField(decimal_places=12, default=0, max_digits=30)),
                (
                    "budget",
                    tenants.fields.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="periods",
                        to="agents.budget",
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
            ],
            options={
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="OpenCall",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("project_id", models.UUIDField(null=True)),
                ("agent_id", models.UUIDField(null=True)),
                ("agent_version_id", models.UUIDField(null=True)),
                ("user_id", models.UUIDField(null=True)),
                ("token_id", models.UUIDField(null=True)),
                ("reply_id", models.UUIDField(null=True)),
                ("provider", models.CharField(max_length=20)),
                ("model_name", models.CharField(max_length=100)),
                ("input_price", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("cached_price", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("output_price", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("started_at", models.DateTimeField()),
                ("input_tokens", models.PositiveIntegerField()),
                ("output_tokens", models.PositiveIntegerField()),
                (
                    "budgets",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), default=list, size=None
                    ),
                ),
                ("deadline", models.DateTimeField()),
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
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="UsageRecord",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("project_id", models.UUIDField(null=True)),
                ("agent_id", models.UUIDField(null=True)),
                ("agent_version_id", models.UUIDField(null=True)),
                ("user_id", models.UUIDField(null=True)),
                ("token_id", models.UUIDField(null=True)),
                ("reply_id", models.UUIDField(null=True)),
                ("provider", models.CharField(max_length=20)),
                ("model_name", models.CharField(max_length=100)),
                ("input_price", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("cached_price", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("output_price", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("started_at", models.DateTimeField()),
                ("input_tokens", models.PositiveIntegerField()),
                ("cached_tokens", models.PositiveIntegerField()),
                ("output_tokens", models.PositiveIntegerField()),
                ("is_estimated", models.BooleanField(default=False)),
                ("cost", models.DecimalField(decimal_places=12, max_digits=24, null=True)),
                ("first_token_ms", models.PositiveIntegerField(null=True)),
                ("whole_ms", models.PositiveIntegerField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("completed", "Completed"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                            ("lost", "Lost"),
                        ],
                        max_length=20,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=50)),
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
                "verbose_name": "use of a model",
                "verbose_name_plural": "use of models",
                "ordering": ["-id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="budget",
            index=models.Index(
                condition=models.Q(("is_deleted", True)),
                fields=["organization", "deleted_at"],
                name="agents_budget_deleted",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=tenants.rls.OrganizationKey(name="agents_budget_key"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=tenants.rls.RowSecurity(name="agents_budget_rows", platform=True),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("deleted_at", None), ("deletion_id", None), ("is_deleted", False)),
                    models.Q(
                        ("deleted_at__isnull", False),
                        ("deletion_id__isnull", False),
                        ("is_deleted", True),
                    ),
                    _connector="OR",
                ),
                name="agents_budget_deletion",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=tenants.audit.triggers.Audited(
                columns=(
                    "name",
                    "project_id",
                    "agent_id",
                    "user_id",
                    "unit",
                    "currency",
                    "period",
                    "limit",
                ),
                name="agents_budget_audit",
                title="name",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=tenants.rls.CompositeForeignKey("project", name="agents_budget_project"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=tenants.rls.CompositeForeignKey("agent", name="agents_budget_agent"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=tenants.rls.CompositeForeignKey("user", name="agents_budget_user"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("currency", ""), ("unit", "tokens")),
                    models.Q(("unit", "money"), models.Q(("currency", ""), _negated=True)),
                    _connector="OR",
                ),
                name="agents_budget_unit",
                violation_error_message="Money has a currency, tokens have none.",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("period__in", ["day", "month"])), name="agents_budget_period"
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("limit__gte", 0)), name="agents_budget_limit"
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_deleted", False)),
                fields=("organization", "project", "agent", "user", "unit", "currency", "period"),
                name="agents_budget_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetperiod",
            constraint=tenants.rls.RowSecurity(
                columns=("used", "reserved"),
                name="agents_budgetperiod_rows",
                platform=True,
                platform_verbs="SELECT",
                verbs="SELECT, INSERT",
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetperiod",
            constraint=tenants.rls.CompositeForeignKey("budget", name="agents_budgetperiod_budget"),
        ),
        migrations.AddConstraint(
            model_name="budgetperiod",
            constraint=models.CheckConstraint(
                condition=models.Q(("reserved__gte", 0), ("used__gte", 0)),
                name="agents_budgetperiod_amounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="opencall",
            constraint=tenants.rls.OrganizationKey(name="agents_opencall_key"),
        ),
        migrations.AddConstraint(
            model_name="opencall",
            constraint=tenants.rls.RowSecurity(name="agents_opencall_rows"),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(
                fields=["organization", "started_at"], name="agents_usagerecord_by_time"
            ),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(fields=["-id"], name="agents_usagerecord_newest"),
        ),
        migrations.AddConstraint(
            model_name="usagerecord",
            constraint=tenants.rls.OrganizationKey(name="agents_usagerecord_key"),
        ),
        migrations.AddConstraint(
            model_name="usagerecord",
            constraint=tenants.rls.RowSecurity(
                name="agents_usagerecord_rows",
                platform=True,
                platform_verbs="SELECT",
                verbs="SELECT, INSERT",
            ),
        ),
        migrations.AddConstraint(
            model_name="usagerecord",
            constraint=tenants.audit.triggers.AppendOnly(
                name="agents_usagerecord_kept", until_purged=True
            ),
        ),
        migrations.AddConstraint(
            model_name="usagerecord",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["completed", "stopped", "failed", "lost"])),
                name="agents_usagerecord_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="usagerecord",
            constraint=models.CheckConstraint(
                condition=models.Q(("cached_tokens__lte", models.F("input_tokens"))),
                name="agents_usagerecord_cached",
            ),
        ),
        CreateLookup(
            "agents_find_lost_calls(at_most integer)",
            returns="TABLE (organization_id uuid, call_id uuid)",
            body="""
                SELECT c.organization_id, c.id FROM agents_opencall c
                WHERE c.deadline < now() OR EXISTS (
                    SELECT FROM agents_message m
                    WHERE m.organization_id = c.organization_id AND m.id = c.reply_id
                      AND m.status <> 'pending' AND m.updated_at < now() - interval '1 minute'
                )
                ORDER BY c.id LIMIT at_most
            """,
        ),
    ]
