"""Messages that say somebody has taken an alert. Choices only: nothing changes in the database."""

from django.db import migrations, models

PURPOSES = [
    ("firing", "Firing"),
    ("resolved", "Resolved"),
    ("acknowledged", "Acknowledged"),
    ("escalation", "Escalation"),
    ("digest", "Digest"),
    ("flapping", "Flapping"),
    ("incident", "Incident"),
    ("test", "Test"),
]


class Migration(migrations.Migration):
    dependencies = [("alerts", "0140_channel_settings")]

    operations = [
        migrations.AlterField(
            model_name="digestentry",
            name="purpose",
            field=models.CharField(choices=PURPOSES, max_length=16, verbose_name="message"),
        ),
        migrations.AlterField(
            model_name="notification",
            name="purpose",
            field=models.CharField(choices=PURPOSES, max_length=16, verbose_name="message"),
        ),
    ]
