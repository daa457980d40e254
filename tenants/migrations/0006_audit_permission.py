from django.db import migrations, models

import tenants.models.role
from tenants.catalogue import write_catalogue
from tenants.operations import CreateLookup


class Migration(migrations.Migration):
    """Who may read the audit trail, and which chains have entries to seal."""

    dependencies = [("tenants", "0005_audit")]

    operations = [
        migrations.AlterField(
            model_name="permission",
            name="name",
            field=models.CharField(
                choices=tenants.models.role.permission_choices, max_length=100, unique=True
            ),
        ),
        migrations.RunPython(write_catalogue, migrations.RunPython.noop, elidable=False),
        CreateLookup(
            "tenants_find_unsealed(at_most integer)",
            returns="SETOF uuid",
            body="""
                SELECT DISTINCT organization_id FROM tenants_auditseal
                WHERE position IS NULL LIMIT at_most
            """,
        ),
    ]
