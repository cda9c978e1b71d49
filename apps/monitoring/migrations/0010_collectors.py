"""What collectors found last, and the HTTP probes set up by staff."""

import django.core.validators
import django.utils.timezone
from django.db import migrations, models

import apps.monitoring.models.probe


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0007_read_models"),
    ]

    operations = [
        migrations.CreateModel(
            name="Probe",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[\\w .:/-]+\\Z", "Use letters, digits, spaces and .:/-"
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "url",
                    models.CharField(
                        help_text="http:// or https://. Redirects are an answer; they are not followed.",
                        max_length=2000,
                        validators=[apps.monitoring.models.probe.validate_probe_url],
                        verbose_name="address",
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        choices=[("GET", "Get"), ("HEAD", "Head")],
                        default="GET",
                        max_length=4,
                        verbose_name="method",
                    ),
                ),
                (
                    "expected_status",
                    models.PositiveSmallIntegerField(
                        default=200,
                        validators=[
                            django.core.validators.MinValueValidator(100),
                            django.core.validators.MaxValueValidator(599),
                        ],
                        verbose_name="expected status",
                    ),
                ),
                (
                    "timeout_s",
                    models.FloatField(
                        default=5.0,
                        validators=[
                            django.core.validators.MinValueValidator(0.1),
                            django.core.validators.MaxValueValidator(30),
                        ],
                        verbose_name="timeout in seconds",
                    ),
                ),
                (
                    "interval_s",
                    models.FloatField(
                        default=30.0,
                        validators=[
                            django.core.validators.MinValueValidator(5),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                        verbose_name="interval in seconds",
                    ),
                ),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
            ],
            options={
                "verbose_name": "probe",
                "verbose_name_plural": "probes",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="CollectorState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("target", models.CharField(max_length=200, verbose_name="target")),
                (
                    "status",
                    models.CharField(
                        choices=[("ok", "ok"), ("down", "down"), ("unknown", "unknown")],
                        default="unknown",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="since"),
                ),
                ("error", models.TextField(blank=True, default="", verbose_name="error")),
                (
                    "detail",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="detail"),
                ),
                ("last_run", models.DateTimeField(blank=True, null=True, verbose_name="last run")),
                (
                    "last_ok",
                    models.DateTimeField(blank=True, null=True, verbose_name="last success"),
                ),
                (
                    "duration_ms",
                    models.FloatField(blank=True, null=True, verbose_name="duration in ms"),
                ),
                ("interval_s", models.FloatField(verbose_name="interval in seconds")),
                (
                    "due_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="due at"),
                ),
            ],
            options={
                "verbose_name": "collector",
                "verbose_name_plural": "collectors",
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "target"), name="one_state_a_collector")
                ],
            },
        ),
    ]
