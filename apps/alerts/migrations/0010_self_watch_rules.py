"""Rules on the intake's own health. Like the first five they have no channels until someone adds one."""

from django.db import migrations

RULES = [
    {
        "built_in": "TELEMETRY_REJECTED",
        "summary": "Part of what is sent is not kept; the page Intake says what and why.",
        "metric": "pharos.intake.items",
        "aggregation": "ratio",
        "numerator_scope": {"state": "rejected"},
        "by": ["signal"],
        "warning": 0.01,
        "critical": 0.10,
        "for_s": 120,
        "window_s": 300,
        "min_samples": 100,
        "no_data": "missing",
    },
    {
        "built_in": "TELEMETRY_TURNED_AWAY",
        "summary": "Senders are told to come back later, or what they send cannot be read.",
        "metric": "pharos.intake.refused",
        "aggregation": "increase",
        "by": ["reason"],
        "warning": 10,
        "critical": 100,
        "for_s": 120,
        "window_s": 300,
        "no_data": "missing",
    },
    {
        "built_in": "TELEMETRY_LATE",
        "summary": "Events are stored more than a minute after they happened.",
        "metric": "pharos.intake.lag",
        "aggregation": "p95",
        "by": ["signal"],
        "warning": 60,
        "critical": 600,
        "for_s": 300,
        "window_s": 300,
        "min_samples": 20,
        "no_data": "missing",
    },
    {
        "built_in": "INTAKE_QUEUE_FULL",
        "summary": "The store takes less than is sent; soon senders are refused.",
        "metric": "pharos.intake.queue.fill",
        "aggregation": "avg",
        "by": ["host.name"],
        "warning": 0.50,
        "critical": 0.90,
        "for_s": 60,
        "window_s": 60,
        "no_data": "missing",
    },
    {
        "built_in": "OWN_TELEMETRY_DROPPED",
        "summary": "The portal lost figures about itself: its charts have gaps.",
        "metric": "pharos.recorder.dropped",
        "aggregation": "increase",
        "by": ["reason"],
        "warning": 100,
        "for_s": 60,
        "window_s": 300,
        "no_data": "missing",
    },
    {
        "built_in": "COLLECTOR_FAILING",
        "summary": "A collector fails again and again: what it reads is not known.",
        "metric": "pharos.collector.failures",
        "aggregation": "increase",
        "by": ["collector.kind"],
        "warning": 5,
        "for_s": 120,
        "window_s": 300,
        "no_data": "missing",
    },
    {
        "built_in": "CLOCK_AHEAD",
        "summary": "A service's clock is ahead of ours: its events lie in the future.",
        "metric": "pharos.intake.clock_skew",
        "aggregation": "avg",
        "by": ["sender.service"],
        "direction": "below",
        "warning": -5,
        "critical": -60,
        "for_s": 300,
        "window_s": 300,
        "no_data": "missing",
    },
    {
        "built_in": "CLOCK_BEHIND",
        "summary": "A service's clock is behind ours, or what it sends is long on its way.",
        "metric": "pharos.intake.clock_skew",
        "aggregation": "avg",
        "by": ["sender.service"],
        "warning": 120,
        "critical": 900,
        "for_s": 300,
        "window_s": 300,
        "no_data": "missing",
    },
]


def create(apps, schema_editor):  # noqa: ARG001
    rule = apps.get_model("alerts", "Rule")
    version = apps.get_model("alerts", "RuleVersion")
    audited = (
        "metric", "aggregation", "by", "warning", "critical", "for_s", "window_s", "min_samples",
    )  # fmt: skip
    for values in RULES:
        made, new = rule.objects.get_or_create(
            built_in=values["built_in"], defaults={"name": values["built_in"], **values}
        )
        if new:
            version.objects.create(
                rule=made, rule_name=made.name, version=1, actor="pharos", before=None,
                after={name: getattr(made, name) for name in audited},
            )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("alerts", "0003_sealed_fields")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
