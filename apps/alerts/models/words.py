"""The states of the pure modules as choices with translated labels."""

from django.utils.translation import gettext_lazy as _

from apps.alerts.machine import NoDataPolicy, Reason, Severity, State

STATES = [
    (State.INACTIVE.value, _("Inactive")),
    (State.PENDING.value, _("Pending")),
    (State.FIRING.value, _("Firing")),
    (State.RECOVERING.value, _("Recovering")),
    (State.RESOLVED.value, _("Resolved")),
]
SEVERITIES = [
    (Severity.WARNING.value, _("Warning")),
    (Severity.CRITICAL.value, _("Critical")),
]
REASONS = [
    (Reason.BREACH.value, _("Threshold crossed")),
    (Reason.OK.value, _("Back to normal")),
    (Reason.NODATA.value, _("No data")),
    (Reason.MISSING_SERIES.value, _("The series is gone")),
    (Reason.ERROR.value, _("The rule cannot be judged")),
    (Reason.OVERFLOW.value, _("More series than are judged")),
    (Reason.PAUSED.value, _("The rule was paused")),
    (Reason.CHANGED.value, _("The rule watches something else now")),
    (Reason.DELETED.value, _("The rule was deleted")),
]
NO_DATA = [
    (NoDataPolicy.KEEP_LAST.value, _("Keep the last state")),
    (NoDataPolicy.ALERTING.value, _("Treat as a breach")),
    (NoDataPolicy.OK.value, _("Treat as well")),
    (NoDataPolicy.MISSING.value, _("End the alert as missing")),
]
OPENS_INCIDENT = [
    ("", _("Never")),
    ("critical", _("When critical")),
    ("any", _("Always")),
]
