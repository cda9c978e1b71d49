from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built beside the writes of a live table.
    atomic = False
    dependencies = [("alerts", "0193_group_failing_since")]

    operations = [
        AddIndexConcurrently(
            model_name="alertgroup",
            index=models.Index(
                fields=["failing_since"],
                condition=models.Q(failing_since__isnull=False),
                name="alerts_group_failing",
            ),
        ),
    ]
