from django.db import migrations

import tenants.audit.triggers


class Migration(migrations.Migration):
    """How long what is deleted is kept is audited, too."""

    dependencies = [
        ("tenants", "0012_retention"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="organization",
            name="tenants_organization_audit",
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=tenants.audit.triggers.Audited(
                columns=(
                    "name",
                    "slug",
                    "description",
                    "email",
                    "phone",
                    "website",
                    "max_users",
                    "max_projects",
                    "max_storage_gb",
                    "retention_days",
                    "is_active",
                ),
                name="tenants_organization_audit",
                title="name",
            ),
        ),
    ]
