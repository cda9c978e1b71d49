"""Bottlenecks, the minutes they were seen in, and what was looked at."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0030_may_pin_traces")]

    operations = [
        migrations.CreateModel(
            name="Bottleneck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "fingerprint",
                    models.CharField(
                        editable=False, max_length=32, unique=True, verbose_name="fingerprint"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("n_plus_1_db", "N+1 queries"),
                            ("mn_plus_1_db", "repeated group of queries"),
                            ("slow_db", "slow query"),
                            ("consecutive_db", "queries one after the other"),
                            ("n_plus_1_cache", "N+1 cache reads"),
                            ("n_plus_1_api", "N+1 calls"),
                            ("consecutive_http", "calls one after the other"),
                            ("slow_downstream", "slow downstream service"),
                            ("http_overhead", "call queued before it was served"),
                            ("large_payload", "large payload"),
                            ("own_code", "time in its own code"),
                            ("lock_wait", "lock wait"),
                            ("pool_wait", "wait for a connection"),
                            ("loop_lag", "event loop blocked"),
                            ("sync_in_async", "wait for a thread"),
                            ("queue_latency", "wait in a queue"),
                            ("idle_in_transaction", "idle in transaction"),
                            ("cacheable", "same query again and again"),
                            ("stampede", "cache stampede"),
                            ("errors", "failing requests"),
                            ("regression", "slower since a deployment"),
                        ],
                        max_length=32,
                        verbose_name="kind",
                    ),
                ),
                ("service", models.TextField(verbose_name="service")),
                ("route", models.TextField(verbose_name="route")),
                ("subject", models.TextField(blank=True, verbose_name="subject")),
                ("route_key", models.CharField(editable=False, max_length=32)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("ignored", "ignored"),
                            ("resolved", "resolved"),
                        ],
                        default="open",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "state_since",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="state since"
                    ),
                ),
                ("first_seen", models.DateTimeField(verbose_name="first seen")),
                ("last_seen", models.DateTimeField(db_index=True, verbose_name="last seen")),
                ("requests", models.BigIntegerField(default=0, verbose_name="requests")),
                ("lost_us", models.BigIntegerField(default=0, verbose_name="time lost")),
                ("worst_us", models.BigIntegerField(default=0, verbose_name="worst loss")),
                ("share", models.FloatField(default=1.0, verbose_name="share of requests")),
                ("facts", models.JSONField(default=dict, verbose_name="facts")),
                ("evidence", models.JSONField(default=list, verbose_name="evidence")),
            ],
            options={
                "verbose_name": "bottleneck",
                "verbose_name_plural": "bottlenecks",
                "default_permissions": ("view", "change"),
            },
        ),
        migrations.CreateModel(
            name="ExaminedMinute",
            fields=[
                ("minute", models.DateTimeField(primary_key=True, serialize=False)),
                ("traces", models.IntegerField()),
                ("spans", models.IntegerField()),
                ("share", models.FloatField()),
                ("examined_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RouteMinute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("route_key", models.CharField(max_length=32)),
                ("minute", models.DateTimeField(db_index=True)),
                ("requests", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("route_key", "minute"), name="one_route_a_minute"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Sighting",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("minute", models.DateTimeField(db_index=True)),
                ("requests", models.BigIntegerField()),
                ("lost_us", models.BigIntegerField()),
                ("worst_us", models.BigIntegerField()),
                (
                    "bottleneck",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sightings",
                        to="monitoring.bottleneck",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("bottleneck", "minute"), name="one_sighting_a_minute"
                    )
                ],
            },
        ),
    ]
