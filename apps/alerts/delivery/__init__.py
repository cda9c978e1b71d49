"""Handing messages over: one notifier for each kind of channel, found by its kind."""

from apps.alerts.delivery import alimtalk, email, heartbeat, slack, sms, webhook
from apps.alerts.delivery.base import (
    NOTIFIERS,
    Delivered,
    Envelope,
    Notifier,
    notifier_for,
    packed,
    unpacked,
)
from apps.alerts.delivery.fields import Setting

__all__ = [
    "NOTIFIERS",
    "Delivered",
    "Envelope",
    "Notifier",
    "Setting",
    "alimtalk",
    "email",
    "heartbeat",
    "notifier_for",
    "packed",
    "slack",
    "sms",
    "unpacked",
    "webhook",
]
