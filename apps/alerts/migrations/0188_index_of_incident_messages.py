from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built beside the writes of a live table.
    atomic = False
    dependencies = [("alerts", "0187_rule_of_lost_messages")]

    operations = [
        AddIndexConcurrently(
            model_name="notification",
            index=models.Index(
                fields=["incident", "channel"],
                condition=models.Q(incident__isnull=False),
                name="alerts_notification_incident",
            ),
        ),
    ]
