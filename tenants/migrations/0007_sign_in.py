from django.db import migrations, models

from tenants.operations import GrantTable

_WRITE = "SELECT, INSERT, UPDATE, DELETE"


class Migration(migrations.Migration):
    """Attempts to sign in are counted where every process sees them."""

    dependencies = [("tenants", "0006_audit_permission")]

    operations = [
        migrations.CreateModel(
            name="AttemptCount",
            fields=[
                ("digest", models.UUIDField(primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                ("pending", models.PositiveIntegerField()),
                ("resets_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="KnownAddress",
            fields=[
                ("digest", models.UUIDField(primary_key=True, serialize=False)),
                ("seen_at", models.DateTimeField(db_index=True)),
            ],
        ),
        GrantTable("tenants_attemptcount", _WRITE, platform=False),
        GrantTable("tenants_knownaddress", _WRITE, platform=False),
    ]
