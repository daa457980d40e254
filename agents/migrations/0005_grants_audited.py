from django.conf import settings
from django.db import migrations

import tenants.audit.triggers


class Migration(migrations.Migration):
    """Grants are written to the audit trail."""

    dependencies = [
        ("agents", "0004_grants"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("tenants", "0009_grants"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="agentrolegrant",
            constraint=tenants.audit.triggers.Audited(
                columns=("content_object_id", "group_id", "permission_id"),
                name="agents_agentrolegrant_audit",
            ),
        ),
        migrations.AddConstraint(
            model_name="agentusergrant",
            constraint=tenants.audit.triggers.Audited(
                columns=("content_object_id", "user_id", "permission_id"),
                name="agents_agentusergrant_audit",
            ),
        ),
    ]
