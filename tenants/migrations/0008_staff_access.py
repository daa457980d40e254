import datetime

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

import common.ids
import tenants.audit.triggers
import tenants.context
import tenants.fields
import tenants.rls


class Migration(migrations.Migration):
    """Who of the platform staff acts for which organization."""

    dependencies = [
        ("tenants", "0007_sign_in"),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffAccess",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("staff_id", models.UUIDField(editable=False)),
                (
                    "staff_name",
                    models.CharField(editable=False, max_length=255, verbose_name="who"),
                ),
                (
                    "staff_email",
                    models.EmailField(
                        editable=False, max_length=255, verbose_name="e-mail address"
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        max_length=500, validators=[django.core.validators.MinLengthValidator(10)]
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="since",
                    ),
                ),
                ("expires_at", models.DateTimeField(verbose_name="until at most")),
                ("ended_at", models.DateTimeField(editable=False, null=True)),
                (
                    "organization",
                    tenants.fields.OrganizationField(
                        db_default=tenants.fields.OrganizationSetting(),
                        default=tenants.context.current_organization_id,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="staff_accesses",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "access by platform staff",
                "verbose_name_plural": "accesses by platform staff",
                "ordering": ["-id"],
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["organization", "-id"], name="tenants_staffaccess_newest")
                ],
                "constraints": [
                    tenants.rls.RowSecurity(
                        name="tenants_staffaccess_rows",
                        platform=True,
                        platform_columns=("ended_at",),
                        platform_verbs="SELECT, INSERT",
                        policy="users",
                        verbs="SELECT",
                    ),
                    tenants.audit.triggers.Audited(
                        columns=(
                            "staff_id",
                            "staff_name",
                            "staff_email",
                            "reason",
                            "expires_at",
                            "ended_at",
                        ),
                        name="tenants_staffaccess_audit",
                        title="staff_name",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.GreaterThanOrEqual(
                            django.db.models.functions.text.Length(
                                django.db.models.functions.text.Trim("reason")
                            ),
                            10,
                        ),
                        name="tenants_staffaccess_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expires_at__gt", models.F("created_at")),
                            (
                                "expires_at__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("created_at"),
                                    "+",
                                    models.Value(datetime.timedelta(seconds=28800)),
                                ),
                            ),
                        ),
                        name="tenants_staffaccess_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at", None),
                            models.Q(
                                ("ended_at__gte", models.F("created_at")),
                                ("ended_at__lte", models.F("expires_at")),
                            ),
                            _connector="OR",
                        ),
                        name="tenants_staffaccess_end",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("staff_id",),
                        name="tenants_staffaccess_one_open",
                    ),
                ],
            },
        ),
    ]
