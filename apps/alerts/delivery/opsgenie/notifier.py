"""Alerts for Opsgenie: one there for each group or episode here, by its alias."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery import wording
from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.delivery.fields import Setting
from apps.alerts.delivery.http import Caller, FailedError, parsed
from apps.alerts.models import Outcome
from apps.core.errors import InvalidInputError

# docs.opsgenie.com/docs/alert-api, Create Alert: limits of the fields.
_KEY: Final = re.compile(r"[0-9A-Za-z-]{16,80}")
_MESSAGE: Final = 130
_DESCRIPTION: Final = 15_000
_DETAIL: Final = 1000
_BASES: Final = {"us": "https://api.opsgenie.com", "eu": "https://api.eu.opsgenie.com"}
_PRIORITY: Final = {"critical": "P1", "warning": "P3"}
_VERBS: Final = {"resolved": "close", "acknowledged": "acknowledge"}


class OpsgenieNotifier(Notifier, kind="opsgenie"):
    """To whoever the API key's integration reaches."""

    label = "Opsgenie"
    shows_taken = True
    one_alert_a_group = True
    target_label = _("API key")
    target_help = _("Of an API integration with the right to create and update alerts.")
    settings: ClassVar[Sequence[Setting]] = (
        Setting(
            "region", _("Service region"), shape="choice", default="us",
            choices=(("us", _("United States")), ("eu", _("Europe"))),
        ),
        Setting("team", _("Team"), _("Who is told. Empty: as the integration says.")),
        Setting("base_url", _("API address"), _("Empty: Opsgenie itself."), "url"),
    )  # fmt: skip

    def validate(self, target: str) -> str:
        """An API key."""
        target = target.strip()
        if not _KEY.fullmatch(target):
            raise InvalidInputError(_("An API key has letters, digits and dashes."))
        return target

    def mask(self, target: str) -> str:
        """The last letters."""
        return f"…{target[-4:]}"

    def send(self, envelope: Envelope) -> Delivered:
        base = envelope.config.get("base_url") or _BASES[envelope.config.get("region") or "us"]
        alias = f"pharos-{envelope.subject or envelope.key}"
        url, body = f"{base}/v2/alerts", {}
        with wording.said_in(envelope.language):
            words = wording.context(envelope.payload, may_repeat=envelope.may_repeat)
            if verb := _VERBS.get(words["stands"]):
                url = f"{url}/{quote(alias, safe='')}/{verb}?identifierType=alias"
                body = {"source": "Pharos", "note": words["title"]}
            else:
                body = _alert(envelope, words, alias)
        caller = Caller("Opsgenie")
        try:
            answer = caller.json(url, body, {"Authorization": f"GenieKey {envelope.target}"})
            found = parsed(answer)
            if found is None or "requestId" not in found:
                raise caller.garbage(answer)
        except FailedError as error:
            return error.delivered
        return Delivered(Outcome.OK, answer.status, provider_id=alias)


def _alert(envelope: Envelope, words: dict[str, Any], alias: str) -> dict[str, Any]:
    scope = envelope.payload.get("scope") or {}
    body: dict[str, Any] = {
        "message": words["title"][:_MESSAGE],
        "alias": alias,
        "description": wording.text(words)[:_DESCRIPTION],
        "priority": _PRIORITY.get(words["tone"], "P5"),
        "source": "Pharos",
        "entity": str(scope.get("service.name") or scope.get("host") or "")[:512],
        "tags": ["pharos", *([words["tone"]] if words["tone"] else [])],
        "details": {
            str(name)[:100]: str(text)[:_DETAIL] for name, text in sorted(scope.items())[:30]
        },
    }
    if team := envelope.config.get("team"):
        body["responders"] = [{"type": "team", "name": team}]
    return body
