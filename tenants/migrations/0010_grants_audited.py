from django.db import migrations

import tenants.audit.triggers


class Migration(migrations.Migration):
    """Grants are written to the audit trail."""

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("tenants", "0009_grants"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="projectrolegrant",
            constraint=tenants.audit.triggers.Audited(
                columns=("content_object_id", "group_id", "permission_id"),
                name="tenants_projectrolegrant_audit",
            ),
        ),
        migrations.AddConstraint(
            model_name="projectusergrant",
            constraint=tenants.audit.triggers.Audited(
                columns=("content_object_id", "user_id", "permission_id"),
                name="tenants_projectusergrant_audit",
            ),
        ),
    ]
