"""The chart in a message: what the alert saw, beside its threshold, as a PNG."""

from apps.alerts.delivery.chart.links import url_for
from apps.alerts.delivery.chart.read import of_episode, of_payload, picture, pictured

__all__ = ["of_episode", "of_payload", "picture", "pictured", "url_for"]
