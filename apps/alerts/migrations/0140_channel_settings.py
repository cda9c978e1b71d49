"""Settings and a language for channels, the provider's id of a message; kinds come from the code."""

from django.db import migrations, models

import apps.alerts.models.channel


class Migration(migrations.Migration):
    dependencies = [("alerts", "0131_reasons_and_caps")]

    operations = [
        migrations.AddField(
            model_name="channel",
            name="config",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                verbose_name="settings",
            ),
        ),
        migrations.AddField(
            model_name="channel",
            name="language",
            field=models.CharField(
                blank=True,
                choices=apps.alerts.models.channel.languages,
                db_default="",
                default="",
                help_text="Of its messages. Empty: the portal's.",
                max_length=8,
                verbose_name="language",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="provider_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=255,
                verbose_name="provider's id",
            ),
        ),
        migrations.AlterField(
            model_name="channel",
            name="kind",
            field=models.CharField(
                choices=apps.alerts.models.channel.channel_kinds,
                max_length=16,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="notification",
            name="kind",
            field=models.CharField(
                choices=apps.alerts.models.channel.channel_kinds,
                max_length=16,
                verbose_name="kind",
            ),
        ),
    ]
