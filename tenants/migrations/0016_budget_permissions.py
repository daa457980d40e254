from django.db import migrations

from tenants.catalogue import write_catalogue


class Migration(migrations.Migration):
    """Who may see and change an organization's budgets."""

    dependencies = [("tenants", "0015_provider_permissions")]

    operations = [
        migrations.RunPython(write_catalogue, migrations.RunPython.noop, elidable=False),
    ]
