from django.db import migrations, models


class Migration(migrations.Migration):
    """Platform staff read the newest entries of all organizations."""

    dependencies = [
        ("tenants", "0013_retention_audited"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                condition=models.Q(("is_content", False)),
                fields=["-id"],
                name="tenants_auditentry_newest",
            ),
        ),
    ]
