"""Microsoft Teams by a workflow that takes a webhook."""

from apps.alerts.delivery.teams.notifier import TeamsNotifier

__all__ = ["TeamsNotifier"]
