"""Django's read models of the identities: state only, 0001 made the tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0006_journals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Metric",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("name", models.TextField(verbose_name="name")),
                ("unit", models.TextField(verbose_name="unit")),
                (
                    "kind",
                    models.SmallIntegerField(
                        choices=[(1, "gauge"), (2, "sum"), (3, "histogram")], verbose_name="kind"
                    ),
                ),
                (
                    "temporality",
                    models.SmallIntegerField(
                        choices=[(0, "none"), (1, "delta"), (2, "cumulative")],
                        verbose_name="temporality",
                    ),
                ),
                ("monotonic", models.BooleanField(verbose_name="monotonic")),
                ("description", models.TextField(verbose_name="description")),
            ],
            options={
                "verbose_name": "metric",
                "verbose_name_plural": "metrics",
                "db_table": "tm_metric",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Resource",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("hash", models.UUIDField(editable=False, unique=True)),
                ("service", models.TextField(verbose_name="service")),
                ("attrs", models.JSONField(verbose_name="attributes")),
                ("first_seen", models.DateTimeField(verbose_name="first seen")),
                ("last_seen", models.DateTimeField(verbose_name="last seen")),
            ],
            options={
                "verbose_name": "resource",
                "verbose_name_plural": "resources",
                "db_table": "tm_resource",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Series",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("hash", models.UUIDField(editable=False, unique=True)),
                ("attrs", models.JSONField(verbose_name="attributes")),
                ("first_seen", models.DateTimeField(verbose_name="first seen")),
                ("last_seen", models.DateTimeField(verbose_name="last seen")),
            ],
            options={
                "verbose_name": "series",
                "verbose_name_plural": "series",
                "db_table": "tm_series",
                "managed": False,
            },
        ),
    ]
