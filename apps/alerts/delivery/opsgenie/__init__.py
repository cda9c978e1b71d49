"""Opsgenie by its Alert API."""

from apps.alerts.delivery.opsgenie.notifier import OpsgenieNotifier

__all__ = ["OpsgenieNotifier"]
