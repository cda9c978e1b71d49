"""A rule may page people by a policy of its own."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0165_receiver_policy"),
    ]

    operations = [
        migrations.AddField(
            model_name="rule",
            name="policy",
            field=models.ForeignKey(
                blank=True,
                help_text="Whom to page, one level after another, besides the channels.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rules",
                to="alerts.escalationpolicy",
                verbose_name="escalation policy",
            ),
        ),
    ]
