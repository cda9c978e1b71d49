"""Escalation: paging one level after another until somebody acknowledges."""

from apps.alerts.escalation.runner import escalate_due
from apps.alerts.escalation.verbs import acknowledged, raised, resolved, start, unacknowledged

__all__ = ["acknowledged", "escalate_due", "raised", "resolved", "start", "unacknowledged"]
