"""App configuration."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _


class AlertsConfig(AppConfig):
    name = "apps.alerts"
    label = "alerts"
    verbose_name = _("Alerts")

    def ready(self) -> None:
        """Register checks, audit channels (rules audit themselves, by version), and end what a
        rule has open before it is deleted by any path."""
        from apps.alerts import checks  # noqa: F401 (registers)
        from apps.alerts.models import Channel, ForeignSource, Rule, StatusComponent, StatusPage
        from apps.core import audited

        audited.watch(Channel, "channel", secret=["sealed_target", "sealed_secret", "target_hash"])

        audited.watch(ForeignSource, "alertsource")
        audited.watch(StatusPage, "statuspage", secret=["token_hash"])
        audited.watch(StatusComponent, "statuscomponent", ignore=["health"])

        pre_delete.connect(_end_episodes, sender=Rule, dispatch_uid="alerts.end_episodes")


def _end_episodes(instance: Any, **_kwargs: Any) -> None:
    from apps.alerts.machine import Reason
    from apps.alerts.services.rules import end_active

    end_active(instance, Reason.DELETED)
