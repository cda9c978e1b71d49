"""Events for PagerDuty: one alert there for each group or episode here, by its dedup key."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _

from apps.alerts import conf
from apps.alerts.delivery import chart, wording
from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.fields import Setting, Words
from apps.alerts.delivery.http import Caller, FailedError, parsed
from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError

# developer.pagerduty.com/docs/events-api-v2/trigger-events: limits of an event.
_KEY: Final = re.compile(r"[0-9A-Za-z]{16,64}")
_SUMMARY: Final = 1024
_LINKS: Final = 10
_BASES: Final = {
    "us": "https://events.pagerduty.com",
    "eu": "https://events.eu.pagerduty.com",
}
_ACTIONS: Final = {"resolved": "resolve", "acknowledged": "acknowledge"}


class PagerDutyNotifier(Notifier, kind="pagerduty"):
    """To one service of PagerDuty."""

    label = "PagerDuty"
    shows_taken = True
    one_alert_a_group = True
    target_label = _("Integration key")
    target_help = _("Of an Events API v2 integration of the service.")
    settings: ClassVar[Sequence[Setting]] = (
        Setting(
            "region", _("Service region"), shape="choice", default="us",
            choices=(("us", _("United States")), ("eu", _("Europe"))),
        ),
        Setting("base_url", _("API address"), _("Empty: PagerDuty itself."), "url"),
    )  # fmt: skip

    def validate(self, target: str) -> str:
        """An integration key."""
        target = target.strip()
        if not _KEY.fullmatch(target):
            raise InvalidInputError(_("An integration key has 32 letters and digits."))
        return target

    def mask(self, target: str) -> str:
        """The last letters."""
        return f"…{target[-4:]}"

    def send(self, envelope: Envelope) -> Delivered:
        base = envelope.config.get("base_url") or _BASES[envelope.config.get("region") or "us"]
        with wording.said_in(envelope.language):
            event = event_of(envelope)
        caller = Caller("PagerDuty")
        try:
            answer = caller.json(f"{base}/v2/enqueue", event)
            found = parsed(answer)
            if found is None or found.get("status") != "success":
                raise caller.garbage(answer)
        except FailedError as error:
            return error.delivered
        return Delivered(
            Outcome.OK, answer.status, provider_id=str(found.get("dedup_key") or "")[:255]
        )


def event_of(envelope: Envelope) -> dict[str, Any]:
    """The event, in the language in force."""
    payload = envelope.payload
    words = wording.context(payload, may_repeat=envelope.may_repeat)
    event: dict[str, Any] = {
        "routing_key": envelope.target,
        "event_action": _ACTIONS.get(words["stands"], "trigger"),
        # The same alert there for firing, rise and end; a repeat changes nothing.
        "dedup_key": f"pharos-{envelope.subject or envelope.key}",
    }
    if event["event_action"] != "trigger":
        return event
    labels = payload.get("scope") or {}
    return {
        **event,
        "client": "Pharos",
        "client_url": words["url"] or conf.base_url(),
        "links": [{"href": url, "text": name} for name, url in words["links"][:_LINKS]],
        "images": _images(payload, words),
        "payload": {
            "summary": words["title"][:_SUMMARY],
            "source": str(labels.get("service.name") or labels.get("host") or "pharos")[:255],
            "severity": words["tone"] if words["tone"] in ("critical", "warning") else "info",
            "timestamp": payload.get("since"),
            "class": (words["breaches"] or [{"metric": words["purpose"]}])[0]["metric"],
            "custom_details": _details(words),
        },
    }


def _images(payload: Mapping[str, Any], words: Mapping[str, Any]) -> list[dict[str, str]]:
    url = chart.url_for(payload)
    return [{"src": url, "href": words["url"], "alt": words["title"]}] if url else []


def _details(words: Mapping[str, Any]) -> dict[str, Words]:
    details = {"summary": words["summary"], "labels": words["labels"], "since": words["since"]}
    for number, one in enumerate(words["breaches"], 1):
        line = f"{one['metric']} = {wording.breach_line(one)}"
        details[f"{number}. {one['severity']}"] = f"{line} {one['labels']}".strip()
    return {name: text for name, text in details.items() if text}
