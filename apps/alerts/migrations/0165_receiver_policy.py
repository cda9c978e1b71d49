"""Receivers page people too; a member remembers which messages told of it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0160_oncall")]

    operations = [
        migrations.AddField(
            model_name="receiver",
            name="policy",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receivers",
                to="alerts.escalationpolicy",
                verbose_name="escalation policy",
            ),
        ),
        migrations.AddField(
            model_name="groupmember",
            name="told_seq",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="groupmember",
            name="cleared_seq",
            field=models.PositiveIntegerField(null=True),
        ),
    ]
