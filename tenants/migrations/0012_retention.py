import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    """How long an organization's deleted rows are kept, and what finds them."""

    dependencies = [
        ("tenants", "0011_index_what_policies_ask"),
    ]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="retention_days",
            field=models.PositiveIntegerField(
                db_default=30,
                default=30,
                help_text="Until then they can be restored; `manage.py purge` removes them after.",
                validators=[django.core.validators.MinValueValidator(1)],
                verbose_name="days that deleted rows are kept",
            ),
        ),
        migrations.AddIndex(
            model_name="accesstoken",
            index=models.Index(
                condition=models.Q(("is_deleted", True)),
                fields=["organization", "deleted_at"],
                name="tenants_accesstoken_deleted",
            ),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(("retention_days__gte", 1)),
                name="tenants_organization_retention",
                violation_error_message="What was deleted is kept for a day at least.",
            ),
        ),
    ]
