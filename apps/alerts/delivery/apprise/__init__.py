"""What Apprise speaks and Pharos does not: Telegram, ntfy, Google Chat and so on."""

from apps.alerts.delivery.apprise.notifier import AppriseNotifier

__all__ = ["AppriseNotifier"]
