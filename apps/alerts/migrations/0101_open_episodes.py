"""Indexes for lists of open episodes and active instances, built without locking the tables."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("alerts", "0100_engine")]
    operations = [
        AddIndexConcurrently(
            "episode",
            models.Index(
                fields=["-started_at", "-id"],
                condition=models.Q(state__in=["firing", "recovering"]),
                name="alerts_episode_open_newest",
            ),
        ),
        AddIndexConcurrently(
            "instance",
            models.Index(
                fields=["rule"],
                condition=models.Q(state__in=["pending", "firing", "recovering"]),
                name="alerts_instance_active",
            ),
        ),
    ]
