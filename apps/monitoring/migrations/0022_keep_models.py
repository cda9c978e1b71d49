"""What people decide about keeping, and the index of the archive."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0021_kept_spans")]

    operations = [
        migrations.CreateModel(
            name="LogArchive",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False, verbose_name="day")),
                ("file", models.CharField(max_length=200, verbose_name="file")),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("size_bytes", models.BigIntegerField(verbose_name="size in bytes")),
                ("lines", models.BigIntegerField(verbose_name="lines")),
                ("services", models.JSONField(default=list, verbose_name="services")),
                ("archived_at", models.DateTimeField(verbose_name="archived at")),
                ("restored_until", models.DateTimeField(null=True, verbose_name="restored until")),
                ("deleted_at", models.DateTimeField(null=True, verbose_name="deleted at")),
            ],
            options={
                "verbose_name": "archived day of logs",
                "verbose_name_plural": "archived days of logs",
                "ordering": ["-day"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True, verbose_name="name")),
                (
                    "service",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Empty: every service.",
                        max_length=255,
                        verbose_name="service",
                    ),
                ),
                ("start", models.DateTimeField(verbose_name="from")),
                ("end", models.DateTimeField(verbose_name="to")),
                ("reason", models.TextField(max_length=2000, verbose_name="reason")),
                (
                    "active",
                    models.BooleanField(
                        default=True,
                        help_text="A hold that is over is switched off, not deleted: its history stays.",
                        verbose_name="active",
                    ),
                ),
                (
                    "created_by",
                    models.CharField(
                        default="", editable=False, max_length=255, verbose_name="created by"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
            ],
            options={
                "verbose_name": "legal hold",
                "verbose_name_plural": "legal holds",
                "ordering": ["-created_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("end__gt", models.F("start"))),
                        name="legal_hold_has_a_range",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SamplingPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True, verbose_name="name")),
                (
                    "enabled",
                    models.BooleanField(default=False, editable=False, verbose_name="enabled"),
                ),
                (
                    "hot_h",
                    models.PositiveIntegerField(
                        default=72,
                        validators=[
                            django.core.validators.MinValueValidator(24),
                            django.core.validators.MaxValueValidator(720),
                        ],
                        verbose_name="hours in which everything stays",
                    ),
                ),
                (
                    "keep_days",
                    models.PositiveIntegerField(
                        default=90,
                        validators=[
                            django.core.validators.MinValueValidator(2),
                            django.core.validators.MaxValueValidator(3650),
                        ],
                        verbose_name="days that kept traces stay",
                    ),
                ),
                (
                    "keep_errors",
                    models.BooleanField(default=True, verbose_name="keep traces with an error"),
                ),
                (
                    "slow_quantile",
                    models.FloatField(
                        blank=True,
                        default=0.99,
                        help_text="0.99 keeps the slowest hundredth of each route. Empty: none.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0.5),
                            django.core.validators.MaxValueValidator(0.9999),
                        ],
                        verbose_name="slow beyond this quantile of the route's hour",
                    ),
                ),
                (
                    "slow_ms",
                    models.PositiveIntegerField(
                        blank=True,
                        default=1000,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400000),
                        ],
                        verbose_name="slow from so many milliseconds on",
                    ),
                ),
                (
                    "keep_first_seen",
                    models.BooleanField(
                        default=True, verbose_name="keep the first trace of a new operation"
                    ),
                ),
                (
                    "attributes",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="One a line: `key` for any value, or `key=value`.",
                        verbose_name="keep spans with attributes",
                    ),
                ),
                (
                    "share",
                    models.FloatField(
                        default=0.05,
                        help_text="0.05 keeps every twentieth trace; each then counts for twenty.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="share of all others",
                    ),
                ),
                (
                    "previewed_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="previewed at"),
                ),
                ("preview", models.JSONField(editable=False, null=True, verbose_name="preview")),
                ("preview_of", models.CharField(default="", editable=False, max_length=64)),
            ],
            options={
                "verbose_name": "sampling policy",
                "verbose_name_plural": "sampling policies",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("enabled", True)),
                        fields=("enabled",),
                        name="one_sampling_policy_on",
                    )
                ],
            },
        ),
    ]
