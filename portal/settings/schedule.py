"""The clock: what beat starts, how often, and when a late message is worthless.

Every entry carries `expires` just short of its next run, so a stopped worker meets no backlog.
"""

from typing import Any


def every(seconds: float, task: str, queue: str = "default") -> dict[str, Any]:
    """One beat entry that expires before its next run."""
    return {
        "task": task,
        "schedule": seconds,
        "options": {"queue": queue, "expires": seconds * 0.9},
    }


CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "collect": every(5, "apps.monitoring.tasks.collect", "high"),
    "evaluate-rules": every(5, "apps.alerts.tasks.evaluate_rules", "high"),
    "dispatch-notifications": every(5, "apps.alerts.tasks.dispatch_notifications", "high"),
    "find-bottlenecks": every(15, "apps.monitoring.tasks.find_bottlenecks"),
    "watch-deployments": every(60, "apps.monitoring.tasks.watch_deployments"),
    "prune-bottlenecks": every(3600, "apps.monitoring.tasks.prune_bottlenecks", "low"),
    "roll-up": every(15, "apps.monitoring.tasks.roll_up"),
    "observe-deployments": every(30, "apps.monitoring.tasks.observe_deployments"),
    "watch-regressions": every(300, "apps.monitoring.tasks.watch_regressions", "low"),
    "work-on-proposals": every(5, "apps.core.tasks.work_on_proposals"),
    "maintain-partitions": every(600, "apps.monitoring.tasks.maintain_partitions", "low"),
    "prune-audit": every(86_400, "apps.core.tasks.prune_audit", "low"),
}
