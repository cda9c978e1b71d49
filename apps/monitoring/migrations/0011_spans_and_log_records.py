"""Permissions to read spans and log records."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0010_collectors"),
    ]

    operations = [
        migrations.CreateModel(
            name="LogRecord",
            fields=[
                (
                    "ts",
                    models.DateTimeField(primary_key=True, serialize=False, verbose_name="time"),
                ),
                ("severity", models.SmallIntegerField(verbose_name="severity")),
                ("body", models.TextField(verbose_name="text")),
            ],
            options={
                "verbose_name": "log record",
                "verbose_name_plural": "log records",
                "db_table": "tm_log",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Span",
            fields=[
                ("ts", models.DateTimeField(verbose_name="time")),
                ("trace_id", models.UUIDField(verbose_name="trace")),
                (
                    "span_id",
                    models.BigIntegerField(primary_key=True, serialize=False, verbose_name="span"),
                ),
            ],
            options={
                "verbose_name": "span",
                "verbose_name_plural": "spans",
                "db_table": "tm_span",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    ]
