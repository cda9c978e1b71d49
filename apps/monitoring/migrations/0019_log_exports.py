"""Exports of log lines, and the permission to make them."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0018_roll_up_kept_logs")]

    operations = [
        migrations.AlterModelOptions(
            name="logrecord",
            options={
                "default_permissions": ("view",),
                "managed": False,
                "permissions": [("export_logrecord", "Can export log records")],
                "verbose_name": "log record",
                "verbose_name_plural": "log records",
            },
        ),
        migrations.CreateModel(
            name="LogExport",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("owner", models.CharField(max_length=255, verbose_name="owner")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="asked for")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("expired", "expired"),
                        ],
                        default="queued",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "form",
                    models.CharField(
                        choices=[("csv", "CSV"), ("ndjson", "NDJSON")],
                        max_length=6,
                        verbose_name="form",
                    ),
                ),
                ("query", models.JSONField(verbose_name="filters")),
                ("start", models.DateTimeField(verbose_name="from")),
                ("end", models.DateTimeField(verbose_name="until")),
                ("rows", models.PositiveIntegerField(default=0, verbose_name="lines")),
                ("file_bytes", models.PositiveBigIntegerField(default=0, verbose_name="bytes")),
                ("reached", models.CharField(blank=True, default="", max_length=64)),
                ("truncated", models.BooleanField(default=False, verbose_name="truncated")),
                (
                    "error",
                    models.CharField(blank=True, default="", max_length=300, verbose_name="error"),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("expires_at", models.DateTimeField(null=True, verbose_name="expires")),
            ],
            options={
                "verbose_name": "log export",
                "verbose_name_plural": "log exports",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["owner", "-created_at"], name="logexport_by_owner")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["queued", "running"])),
                        fields=("owner",),
                        name="logexport_one_at_a_time",
                    )
                ],
            },
        ),
    ]
