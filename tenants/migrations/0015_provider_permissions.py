from django.db import migrations

from tenants.catalogue import write_catalogue


class Migration(migrations.Migration):
    """Who may see and change an organization's model providers."""

    dependencies = [("tenants", "0014_newest_of_the_audit_trail")]

    operations = [
        migrations.RunPython(write_catalogue, migrations.RunPython.noop, elidable=False),
    ]
