"""App configuration."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _


class AlertsConfig(AppConfig):
    name = "apps.alerts"
    label = "alerts"
    verbose_name = _("Alerts")

    def ready(self) -> None:
        """Register what others look for, judge rules when their figures are written, and end what
        a rule has open before it is deleted by any path."""
        from apps.alerts import (
            auditing,
            checks,  # noqa: F401 (registers)
            collecting,  # noqa: F401 (registers)
            due,
            health,  # noqa: F401 (registers)
            waking,
        )
        from apps.alerts.models import Rule
        from apps.monitoring.intake import committed

        auditing.watch()
        due.watch()
        if settings.PHAROS_EVALUATE_ON_WRITE:
            committed.listen_metrics(waking.waker.heard)
        pre_delete.connect(_end_episodes, sender=Rule, dispatch_uid="alerts.end_episodes")


def _end_episodes(instance: Any, **_kwargs: Any) -> None:
    from apps.alerts.machine import Reason
    from apps.alerts.services.rules import end_active

    end_active(instance, Reason.DELETED)
