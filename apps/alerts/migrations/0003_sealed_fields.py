"""The columns stay as they are; the model knows now that they are sealed."""

from django.db import migrations

import apps.core.sealed


class Migration(migrations.Migration):
    dependencies = [("alerts", "0002_built_in_rules")]

    operations = [
        migrations.AlterField(
            model_name="channel",
            name="sealed_target",
            field=apps.core.sealed.SealedTextField(
                default="", editable=False, fingerprint="target_hash", purpose="alerts"
            ),
        ),
        migrations.AlterField(
            model_name="channel",
            name="sealed_secret",
            field=apps.core.sealed.SealedTextField(default="", editable=False, purpose="alerts"),
        ),
    ]
