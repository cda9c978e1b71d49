"""Slack: by bot token with threads and buttons, or by an incoming webhook."""

from apps.alerts.delivery.slack.notifier import SlackNotifier

__all__ = ["SlackNotifier"]
