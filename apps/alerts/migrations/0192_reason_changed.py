from django.db import migrations, models

import apps.alerts.machine


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0191_flap_told_channels"),
    ]

    operations = [
        migrations.AlterField(
            model_name="episode",
            name="end_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("breach", "Threshold crossed"),
                    ("ok", "Back to normal"),
                    ("nodata", "No data"),
                    ("missing_series", "The series is gone"),
                    ("error", "The rule cannot be judged"),
                    ("overflow", "More series than are judged"),
                    ("paused", "The rule was paused"),
                    ("changed", "The rule watches something else now"),
                    ("deleted", "The rule was deleted"),
                ],
                max_length=16,
                verbose_name="ended because",
            ),
        ),
        migrations.AlterField(
            model_name="episode",
            name="reason",
            field=models.CharField(
                choices=[
                    ("breach", "Threshold crossed"),
                    ("ok", "Back to normal"),
                    ("nodata", "No data"),
                    ("missing_series", "The series is gone"),
                    ("error", "The rule cannot be judged"),
                    ("overflow", "More series than are judged"),
                    ("paused", "The rule was paused"),
                    ("changed", "The rule watches something else now"),
                    ("deleted", "The rule was deleted"),
                ],
                db_default="breach",
                default=apps.alerts.machine.Reason["BREACH"],
                max_length=16,
                verbose_name="because",
            ),
        ),
        migrations.AlterField(
            model_name="instance",
            name="reason",
            field=models.CharField(
                choices=[
                    ("breach", "Threshold crossed"),
                    ("ok", "Back to normal"),
                    ("nodata", "No data"),
                    ("missing_series", "The series is gone"),
                    ("error", "The rule cannot be judged"),
                    ("overflow", "More series than are judged"),
                    ("paused", "The rule was paused"),
                    ("changed", "The rule watches something else now"),
                    ("deleted", "The rule was deleted"),
                ],
                max_length=16,
            ),
        ),
    ]
