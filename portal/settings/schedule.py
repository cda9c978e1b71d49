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
    "evaluate-rules": every(1, "apps.alerts.tasks.evaluate_rules", "high"),
    "keep-alert-tables-small": every(30, "apps.alerts.tasks.keep_alert_tables_small", "low"),
    "prune-alert-history": every(3600, "apps.alerts.tasks.prune_alert_history", "low"),
    "route-alerts": every(5, "apps.alerts.tasks.route_alerts", "high"),
    "dispatch-notifications": every(5, "apps.alerts.tasks.dispatch_notifications", "high"),
    "expire-acknowledgements": every(5, "apps.alerts.tasks.expire_acknowledgements", "high"),
    "send-digests": every(15, "apps.alerts.tasks.send_digests"),
    "flag-noisy-rules": every(300, "apps.alerts.tasks.flag_noisy_rules", "low"),
    "escalate": every(5, "apps.alerts.tasks.escalate", "high"),
    "mend-policies": every(60, "apps.alerts.tasks.mend_policies", "low"),
    "end-foreign-alerts": every(5, "apps.alerts.tasks.end_foreign_alerts"),
    "collect-receipts": every(5, "apps.alerts.tasks.collect_receipts"),
    "refresh-status-pages": every(15, "apps.alerts.tasks.refresh_status_pages"),
    "find-bottlenecks": every(15, "apps.monitoring.tasks.find_bottlenecks"),
    "watch-deployments": every(60, "apps.monitoring.tasks.watch_deployments"),
    "prune-bottlenecks": every(3600, "apps.monitoring.tasks.prune_bottlenecks", "low"),
    "roll-up": every(15, "apps.monitoring.tasks.roll_up"),
    "observe-deployments": every(30, "apps.monitoring.tasks.observe_deployments"),
    "pin-exemplars": every(60, "apps.monitoring.tasks.pin_exemplars", "low"),
    "measure-costs": every(900, "apps.monitoring.tasks.measure_costs", "low"),
    "watch-regressions": every(300, "apps.monitoring.tasks.watch_regressions", "low"),
    "work-on-proposals": every(5, "apps.core.tasks.work_on_proposals"),
    "send-minutes": every(60, "apps.monitoring.tasks.send_minutes", "low"),
    "maintain-partitions": every(600, "apps.monitoring.tasks.maintain_partitions", "low"),
    "roll-up-logs": every(15, "apps.monitoring.tasks.roll_up_logs"),
    "prune-log-templates": every(86_400, "apps.monitoring.tasks.prune_log_templates", "low"),
    "keep": every(600, "apps.monitoring.tasks.keep", "low"),
    "work-on-log-exports": every(5, "apps.monitoring.tasks.work_on_log_exports", "low"),
    "expire-log-exports": every(600, "apps.monitoring.tasks.expire_log_exports", "low"),
    "seal-partitions": every(300, "apps.monitoring.tasks.seal_partitions", "low"),
    "prune-audit": every(86_400, "apps.core.tasks.prune_audit", "low"),
}
