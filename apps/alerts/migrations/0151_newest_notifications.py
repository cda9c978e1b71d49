from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built beside the writes of a live table.
    atomic = False
    dependencies = [("alerts", "0150_phones")]

    operations = [
        AddIndexConcurrently(
            model_name="notification",
            index=models.Index(fields=["-created_at", "-id"], name="alerts_notification_newest"),
        ),
        AddIndexConcurrently(
            model_name="notification",
            index=models.Index(
                fields=["kind"], condition=models.Q(state="dead"), name="alerts_notification_dead"
            ),
        ),
    ]
