from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built beside the writes of a live table.
    atomic = False
    dependencies = [("alerts", "0172_alter_digestentry_purpose_alter_notification_purpose")]

    operations = [
        AddIndexConcurrently(
            model_name="episode",
            index=models.Index(
                fields=["severity", "-started_at", "-id"],
                condition=models.Q(state__in=["pending", "firing", "recovering"]),
                name="alerts_episode_worst",
            ),
        ),
    ]
