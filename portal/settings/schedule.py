"""The clock: what beat starts, how often, and when a late message is worthless.

Every entry's message expires, so a stopped worker meets no backlog.
"""

from typing import Any, Final

# A worker that is a little late, or whose clock is, must not drop every message it gets.
_LEAST_S: Final = 30


def every(seconds: float, task: str, queue: str = "default") -> dict[str, Any]:
    """One beat entry whose message is worthless once the next ones are there."""
    # The database's scheduler knows whole seconds only, and drops what has another name.
    expire_s = max(int(seconds * 0.9), _LEAST_S)
    return {
        "task": task,
        "schedule": seconds,
        "options": {"queue": queue, "expire_seconds": expire_s},
    }


CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "collect": every(5, "apps.monitoring.tasks.collect", "high"),
    "wake-what-is-due": every(5, "apps.alerts.tasks.wake_what_is_due", "high"),
    "evaluate-rules": every(1, "apps.alerts.tasks.evaluate_rules", "high"),
    "keep-alert-tables-small": every(30, "apps.alerts.tasks.keep_alert_tables_small", "low"),
    "prune-alert-history": every(3600, "apps.alerts.tasks.prune_alert_history", "low"),
    "flag-noisy-rules": every(300, "apps.alerts.tasks.flag_noisy_rules", "low"),
    "mend-policies": every(60, "apps.alerts.tasks.mend_policies", "low"),
    "refresh-status-pages": every(15, "apps.alerts.tasks.refresh_status_pages"),
    "find-bottlenecks": every(15, "apps.monitoring.tasks.find_bottlenecks"),
    "watch-deployments": every(60, "apps.monitoring.tasks.watch_deployments"),
    "prune-bottlenecks": every(3600, "apps.monitoring.tasks.prune_bottlenecks", "low"),
    "roll-up": every(15, "apps.monitoring.tasks.roll_up"),
    "observe-deployments": every(30, "apps.monitoring.tasks.observe_deployments"),
    "pin-exemplars": every(60, "apps.monitoring.tasks.pin_exemplars", "low"),
    "measure-costs": every(900, "apps.monitoring.tasks.measure_costs", "low"),
    "watch-regressions": every(300, "apps.monitoring.tasks.watch_regressions", "low"),
    "send-minutes": every(60, "apps.monitoring.tasks.send_minutes", "low"),
    "maintain-partitions": every(600, "apps.monitoring.tasks.maintain_partitions", "low"),
    "roll-up-logs": every(15, "apps.monitoring.tasks.roll_up_logs"),
    "prune-log-templates": every(86_400, "apps.monitoring.tasks.prune_log_templates", "low"),
    "keep": every(600, "apps.monitoring.tasks.keep", "low"),
    "expire-log-exports": every(600, "apps.monitoring.tasks.expire_log_exports", "low"),
    "seal-partitions": every(300, "apps.monitoring.tasks.seal_partitions", "low"),
    "prune-audit": every(86_400, "apps.core.tasks.prune_audit", "low"),
}

# Entries of earlier versions. Beat keeps what it once had in the database, and would go on.
RETIRED: Final = (
    "route-alerts", "dispatch-notifications", "expire-acknowledgements", "send-digests", "escalate",
    "end-foreign-alerts", "collect-receipts", "work-on-proposals", "work-on-log-exports",
)  # fmt: skip
