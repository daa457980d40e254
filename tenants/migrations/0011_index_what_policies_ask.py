from django.db import migrations, models


class Migration(migrations.Migration):
    """What policies and permissions ask of these tables begins with the organization."""

    dependencies = [
        ("tenants", "0010_grants_audited"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="accesstoken",
            index=models.Index(fields=["organization", "user"], name="tenants_accesstoken_by_user"),
        ),
        migrations.AddIndex(
            model_name="rolepermission",
            index=models.Index(
                fields=["organization", "role"], name="tenants_rolepermission_by_role"
            ),
        ),
    ]
