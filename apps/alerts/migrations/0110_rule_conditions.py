"""Kinds of condition, clear values, messages, and what rules remember of label sets."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0101_open_episodes"),
    ]

    operations = [
        migrations.AddField(
            model_name="episode",
            name="facts",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, output_field=models.JSONField()),
                default=dict,
                verbose_name="facts",
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="clear_critical",
            field=models.FloatField(blank=True, null=True, verbose_name="critical clears at"),
        ),
        migrations.AddField(
            model_name="rule",
            name="clear_warning",
            field=models.FloatField(blank=True, null=True, verbose_name="warning clears at"),
        ),
        migrations.AddField(
            model_name="rule",
            name="condition",
            field=models.CharField(
                db_default="threshold", default="threshold", max_length=32, verbose_name="condition"
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="warning_inclusive",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="warning at the threshold itself"
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="config",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, output_field=models.JSONField()),
                default=dict,
                verbose_name="settings of the condition",
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="message",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="Sent instead of the summary; {{ value }}, {{ labels.host }} are filled in.",
                max_length=2000,
                verbose_name="message",
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="note",
            field=models.TextField(
                blank=True, db_default="", default="", editable=False, verbose_name="note"
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="runbook",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The address of what to do when it fires; it stands in every message.",
                max_length=500,
                validators=[django.core.validators.URLValidator(["http", "https"])],
                verbose_name="runbook",
            ),
        ),
        migrations.CreateModel(
            name="SeenSeries",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("fingerprint", models.CharField(max_length=64)),
                ("labels", models.JSONField(default=dict)),
                ("first_seen", models.DateTimeField()),
                ("last_seen", models.DateTimeField()),
                ("facts", models.JSONField(default=dict)),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="seen",
                        to="alerts.rule",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("rule", "fingerprint"), name="alerts_seen_once")
                ],
            },
        ),
    ]
