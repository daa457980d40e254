from django.db import migrations, models


class Migration(migrations.Migration):
    """A reply remembers by which access token it was asked for."""

    dependencies = [("agents", "0008_model_providers")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="asked_with",
            field=models.UUIDField(editable=False, null=True),
        ),
    ]
