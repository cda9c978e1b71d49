"""Which version of a service began to run when."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0015_red_of_kept_spans")]

    operations = [
        migrations.CreateModel(
            name="Deployment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("service", models.CharField(max_length=600, verbose_name="service")),
                ("version", models.CharField(max_length=200, verbose_name="version")),
                (
                    "environment",
                    models.CharField(
                        blank=True, default="", max_length=200, verbose_name="environment"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="time"),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[("observed", "seen in telemetry"), ("reported", "reported")],
                        default="reported",
                        max_length=10,
                        verbose_name="source",
                    ),
                ),
            ],
            options={
                "verbose_name": "deployment",
                "verbose_name_plural": "deployments",
                "ordering": ["-at", "-id"],
                "indexes": [models.Index(fields=["at"], name="deployment_at")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("service", "version", "environment", "at"),
                        name="one_deployment_a_moment",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("source", "observed")),
                        fields=("service", "version", "environment"),
                        name="one_first_sight",
                    ),
                ],
            },
        ),
    ]
