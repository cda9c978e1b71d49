"""PagerDuty by its Events API v2."""

from apps.alerts.delivery.pagerduty.notifier import PagerDutyNotifier

__all__ = ["PagerDutyNotifier"]
