"""Heartbeats: a call to a watcher outside, which raises the alarm itself when calls stop.

Any address of the kind of Healthchecks, Better Stack or Dead Man's Snitch: a POST that is answered
with 2xx was heard.
"""

from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.fields import checked_url
from apps.alerts.delivery.phone import asking
from apps.alerts.models import Outcome

_HEADERS: Final = {"Content-Type": "text/plain; charset=utf-8"}


class HeartbeatNotifier(Notifier, kind="heartbeat"):
    """Calls one address."""

    label = _("Heartbeat")
    target_label = _("URL")

    def validate(self, target: str) -> str:
        """An http or https URL."""
        return checked_url(target)

    def send(self, envelope: Envelope) -> Delivered:
        """The answer's body does not matter."""
        said = "Pharos: rules are judged and messages leave."
        answer = asking.post(envelope.target, "", said.encode(), _HEADERS)
        if isinstance(answer, Delivered):
            return answer
        return asking.refusal(answer) or Delivered(Outcome.OK, answer.status)
