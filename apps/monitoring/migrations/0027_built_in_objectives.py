"""Objectives every portal begins with. What has no data says so; any may be changed or deleted."""

from django.db import migrations

_UTIL = {"metric": "system.cpu.utilization", "by": ["service.name", "host.name"]}
BUILT_IN = {
    "cpu_normal": {
        "unit": "1", "name": "CPU in normal times", "group": "resources", **_UTIL, "goal": 0.6,
        "share": 0.95, "window_s": 300,
        "summary": "The mean of five minutes is below 60 % in 95 of 100 windows.",
    },
    "cpu_peak": {
        "unit": "1", "name": "CPU at its peak", "group": "resources", **_UTIL, "goal": 0.8, "window_s": 300,
        "summary": "The mean of no five minutes reaches 80 %.",
    },
    "memory_process": {
        "unit": "By", "name": "Memory of one process", "group": "resources", "metric": "process.memory.usage",
        "aggregation": "max", "by": ["service.name", "service.instance.id", "process.pid"],
        "goal": 2.0 * 1024**3, "window_s": 300,
        "summary": "No server process takes 2 GiB.",
    },
    "memory_host": {
        "unit": "1", "name": "Memory of a machine", "group": "resources",
        "metric": "system.memory.utilization", "by": ["service.name", "host.name"],
        "goal": 0.8, "window_s": 300,
        "summary": "Below 80 %, that of the database's machine above all.",
    },
    "bandwidth": {
        "unit": "By/s", "name": "Bandwidth", "group": "resources", "metric": "system.network.io",
        "aggregation": "rate", "by": ["host.name", "network.io.direction"],
        "goal": 0.7 * 125_000_000, "window_s": 300,
        "summary": "Below 70 % of 1 Gbit/s in each direction. Set the goal to 70 % of what your"
        " line carries.",
    },
    "pool_reuse": {
        "unit": "1", "name": "Connections are reused", "group": "resources",
        "metric": "db.client.connection.create_time", "aggregation": "increase",
        "over_metric": "db.client.connection.use_time", "by": ["service.name"],
        "complement": True, "side": "above", "goal": 0.9, "window_s": 300,
        "summary": "Of 100 uses of a pooled connection at least 90 find one that is open already.",
    },
    "postgresql_connections": {
        "unit": "1", "name": "Connections of PostgreSQL", "group": "resources",
        "metric": "postgresql.connection.count", "aggregation": "max",
        "over_metric": "postgresql.connection.max", "goal": 0.8, "window_s": 300,
        "summary": "Below 80 % of those PostgreSQL takes.",
    },
    "job_cold": {
        "unit": "s", "name": "Cold start", "group": "jobs", "metric": "job.start.duration",
        "aggregation": "p95", "scope": {"job.start": "cold"}, "by": ["job.type"],
        "goal": 2.0, "window_s": 300, "summary": "95 of 100 cold starts take less than 2 s.",
    },
    "job_warm": {
        "unit": "s", "name": "Warm start", "group": "jobs", "metric": "job.start.duration",
        "aggregation": "p95", "scope": {"job.start": "warm"}, "by": ["job.type"],
        "goal": 0.1, "window_s": 300, "summary": "95 of 100 warm starts take less than 100 ms.",
    },
    "job_starts": {
        "unit": "1/s", "name": "Starts per second", "group": "jobs", "metric": "job.start.duration",
        "aggregation": "rate", "side": "above", "goal": 1000.0, "reach": "once", "window_s": 10,
        "summary": "A capacity: what the best ten seconds show.",
    },
    "job_concurrent": {
        "name": "At the same time", "group": "jobs", "metric": "job.active",
        "aggregation": "sum", "side": "above", "goal": 50_000.0, "reach": "once", "window_s": 60,
        "summary": "A capacity: units of work that run at once in the best minute.",
    },
    "job_memory": {
        "unit": "By", "name": "Memory of one unit of work", "group": "jobs", "metric": "job.memory",
        "aggregation": "p95", "by": ["job.type"], "goal": 6500.0, "window_s": 300,
        "summary": "95 of 100 units take less than 6.5 kB.",
    },
}  # fmt: skip


def add(apps, _schema_editor):
    Objective = apps.get_model("monitoring", "Objective")
    for key, values in BUILT_IN.items():
        Objective.objects.get_or_create(built_in=key, defaults=values)


def remove(apps, _schema_editor):
    apps.get_model("monitoring", "Objective").objects.filter(built_in__in=BUILT_IN).delete()


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0026_objectives_and_costs")]
    operations = [migrations.RunPython(add, remove)]
