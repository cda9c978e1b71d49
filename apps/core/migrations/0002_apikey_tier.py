"""The tier of a key. A constant default: no rewrite, and old processes may go on inserting."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0001_api_keys")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="tier",
            field=models.CharField(
                choices=[("standard", "Standard"), ("premium", "Premium")],
                db_default="standard",
                default="standard",
                help_text="How many requests a minute the key may make.",
                max_length=16,
                verbose_name="tier",
            ),
        ),
    ]
