"""Why an episode is open, for alerts on a rule itself and for alerts of silence."""

from django.db import migrations, models

REASONS = [
    ("breach", "Threshold crossed"),
    ("ok", "Back to normal"),
    ("nodata", "No data"),
    ("missing_series", "The series is gone"),
    ("error", "The rule cannot be judged"),
    ("overflow", "More series than are judged"),
    ("paused", "The rule was paused"),
    ("deleted", "The rule was deleted"),
]


class Migration(migrations.Migration):
    dependencies = [("alerts", "0010_self_watch_rules")]
    operations = [
        migrations.AddField(
            "episode",
            "reason",
            models.CharField(
                choices=REASONS, db_default="breach", default="breach", max_length=16,
                verbose_name="because",
            ),
        ),
        migrations.AlterField(
            "episode",
            "end_reason",
            models.CharField(
                blank=True, choices=REASONS, max_length=16, verbose_name="ended because"
            ),
        ),
        migrations.AlterField(
            "instance", "reason", models.CharField(choices=REASONS, max_length=16)
        ),
        migrations.AlterField(
            "rule",
            "no_data",
            models.CharField(
                choices=[
                    ("keep_last", "Keep the last state"),
                    ("alerting", "Treat as a breach"),
                    ("ok", "Treat as well"),
                    ("missing", "End the alert as missing"),
                ],
                default="keep_last",
                max_length=16,
                verbose_name="without data",
            ),
        ),
    ]  # fmt: skip
