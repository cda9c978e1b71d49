from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built beside the writes of a live table.
    atomic = False
    dependencies = [("alerts", "0194_index_of_failing_groups")]

    operations = [
        AddIndexConcurrently(
            model_name="episode",
            index=models.Index(
                fields=["severity", "-started_at", "-id"], name="alerts_episode_severity"
            ),
        ),
    ]
