"""Handing messages over: one notifier for each kind of channel, found by its kind."""

from apps.alerts.delivery import alimtalk, email, sms, webhook
from apps.alerts.delivery.base import NOTIFIERS, Delivered, Envelope, Notifier, notifier_for

__all__ = [
    "NOTIFIERS",
    "Delivered",
    "Envelope",
    "Notifier",
    "alimtalk",
    "email",
    "notifier_for",
    "sms",
    "webhook",
]
