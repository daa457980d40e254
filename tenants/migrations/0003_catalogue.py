from django.db import migrations

from tenants.catalogue import write_catalogue


class Migration(migrations.Migration):
    """The permissions and the built-in roles."""

    dependencies = [("tenants", "0002_lookups")]

    operations = [migrations.RunPython(write_catalogue, migrations.RunPython.noop, elidable=False)]
