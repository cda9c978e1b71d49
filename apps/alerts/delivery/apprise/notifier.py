"""Plain text through Apprise, one service a channel, bounded and without its waits."""

import logging
import re
import warnings
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery import wording
from apps.alerts.delivery.apprise.services import CLOUD, HOSTED
from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.models import Outcome
from apps.core.addresses import ForbiddenAddressError, resolve
from apps.core.errors import InvalidInputError

_LONGEST: Final = 2000
_CONNECT_S: Final = 3.0
_READ_S: Final = 8.0
_WHOLE_S: Final = 14.0
# Apprise tells what an HTTP service answered only in what it logs.
_STATUS: Final = re.compile(r"error=(\d{3})\b")
_TRANSIENT: Final = frozenset({408, 425, 429})


class AppriseNotifier(Notifier, kind="apprise"):
    """To one Apprise URL."""

    label = "Apprise"
    target_label = _("Apprise URL")
    target_help = _("For example tgram://token/chat, pover://user@token or ntfys://host/topic.")

    def validate(self, target: str) -> str:
        """A URL of one of the services that may be used, complete as Apprise reads it."""
        target = target.strip()
        scheme = _scheme(target)
        if scheme not in CLOUD | HOSTED:
            known = ", ".join(sorted(CLOUD | HOSTED))
            raise InvalidInputError(
                _("An Apprise URL begins with one of: %(known)s.") % {"known": known}
            )
        if len(target) > _LONGEST or any(ord(char) <= 32 for char in target):
            raise InvalidInputError(_("An Apprise URL has at most 2000 characters, no spaces."))
        named = parse_qs(urlsplit(target).query, keep_blank_values=True)
        if any(name.lower().strip(" +-:").startswith("template") for name in named):
            raise InvalidInputError(_("Templates are read from files, and are not taken."))
        if _service(target) is None:
            raise InvalidInputError(_("Apprise cannot read this URL; something is missing in it."))
        return target

    def mask(self, target: str) -> str:
        """The service; everything else may be a token."""
        return f"{_scheme(target)}://***"

    def send(self, envelope: Envelope) -> Delivered:
        service = _service(envelope.target)
        if service is None:
            return Delivered(Outcome.PERMANENT, error="Apprise cannot read the URL.")
        if _scheme(envelope.target) in HOSTED:
            try:
                resolve(str(service.host), service.port or 443)
            except ForbiddenAddressError as error:
                return Delivered(Outcome.PERMANENT, error=str(error))
            except (OSError, UnicodeError):
                return Delivered(Outcome.TRANSIENT, error="The host name cannot be resolved.")
        with wording.said_in(envelope.language):
            words = wording.context(envelope.payload, may_repeat=envelope.may_repeat)
            title, body = _mentionless(words["title"]), _mentionless(wording.text(words))
        return _notify(service, title, body.removeprefix(title).strip() or title, words["tone"])


def _service(target: str) -> Any:
    """Apprise's object for the URL, that neither waits, redirects nor keeps files; None: unread."""
    apprise = _library()
    # What it logs may name the target.
    logging.getLogger("apprise").propagate = False
    asset = apprise.AppriseAsset(
        storage_mode="memory", service_timeout=_WHOLE_S, http_redirects=False
    )
    service = apprise.Apprise.instantiate(target, asset=asset)
    if service is None:
        return None
    service.request_rate_per_sec = 0
    service.redirects = False
    service.socket_connect_timeout, service.socket_read_timeout = _CONNECT_S, _READ_S
    return service


@cache
def _library() -> Any:
    # It loads 170 services, and an old module of Python's: only where it is used.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        apprise.Apprise.instantiate("ntfy://localhost/x")
    return apprise


def _notify(service: Any, title: str, body: str, tone: str) -> Delivered:
    apprise = _library()
    kinds = {
        "critical": apprise.NotifyType.FAILURE,
        "warning": apprise.NotifyType.WARNING,
        "resolved": apprise.NotifyType.SUCCESS,
    }
    sender = apprise.Apprise(asset=service.asset)
    sender.add(service)
    result = sender.notify(
        title=title,
        body=body,
        notify_type=kinds.get(tone, apprise.NotifyType.INFO),
        body_format=apprise.NotifyFormat.TEXT,
        timeout=_WHOLE_S,
    )
    return Delivered(Outcome.OK) if result else _judge(result)


def _judge(result: Any) -> Delivered:
    found = [_STATUS.search(str(entry.message)) for entry in result.logs()]
    codes = [int(one[1]) for one in found if one is not None]
    if not codes:
        return Delivered(Outcome.UNKNOWN, error="The service was not reached, or broke off.")
    status = codes[-1]
    passing = status in _TRANSIENT or status >= 500
    outcome = Outcome.TRANSIENT if passing else Outcome.PERMANENT
    return Delivered(outcome, status, f"The service answered {status}.")


def _scheme(target: str) -> str:
    return target.partition("://")[0].lower()


def _mentionless(text: str) -> str:
    # Several services call everybody at @all or @channel: a zero-width space breaks the name.
    return text.replace("@", "@\u200b")
