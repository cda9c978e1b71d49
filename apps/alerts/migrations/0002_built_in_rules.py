"""The rules every installation begins with. They have no channels: they show until someone adds one."""

from django.db import migrations

RULES = [
    {
        "built_in": "HIGH_CPU_USAGE",
        "summary": "The processor has hardly any time left.",
        "metric": "system.cpu.utilization",
        "aggregation": "avg",
        "by": ["host.name"],
        "warning": 0.80,
        "critical": 0.90,
        "critical_inclusive": True,
        "for_s": 120,
        "window_s": 60,
    },
    {
        "built_in": "HIGH_MEMORY_USAGE",
        "summary": "The machine is about to run out of memory.",
        "metric": "system.memory.utilization",
        "aggregation": "avg",
        "by": ["host.name"],
        "warning": 0.80,
        "critical": 0.95,
        "critical_inclusive": True,
        "for_s": 120,
        "window_s": 60,
    },
    {
        "built_in": "HIGH_RESPONSE_TIME",
        "summary": "One request in twenty of this route takes longer than half a second.",
        "metric": "http.server.request.duration",
        "aggregation": "p95",
        "by": ["service.name", "http.route"],
        "warning": 0.5,
        "for_s": 120,
        "window_s": 300,
        "min_samples": 20,
        "no_data": "missing",
    },
    {
        "built_in": "HIGH_ERROR_RATE",
        "summary": "Too many requests of this route end in a server error.",
        "metric": "http.server.request.duration",
        "aggregation": "ratio",
        "numerator_scope": {"http.response.status_code": "5*"},
        "by": ["service.name", "http.route"],
        "warning": 0.05,
        "critical": 0.10,
        "for_s": 60,
        "window_s": 300,
        "min_samples": 20,
        "no_data": "missing",
    },
    {
        "built_in": "LOW_CACHE_HIT_RATE",
        "summary": "The cache answers too few of the reads it is asked for.",
        "metric": "cache.requests",
        "aggregation": "ratio",
        "numerator_scope": {"cache.state": "hit"},
        "remainder_scope": {"cache.state": "miss"},
        "by": ["service.name", "cache.alias"],
        "direction": "below",
        "warning": 0.80,
        "for_s": 300,
        "window_s": 300,
        "min_samples": 100,
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
    dependencies = [("alerts", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
