"""From a change of an alert to the messages owed: tree, groups with timers, dedup by episode."""

from apps.alerts.routing.enrol import enrol, enrol_open
from apps.alerts.routing.router import route

__all__ = ["enrol", "enrol_open", "route"]
