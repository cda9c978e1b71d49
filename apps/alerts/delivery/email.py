"""E-mail by Django's configured server: text and HTML, and one Message-ID for all attempts."""

import smtplib
from email.mime.image import MIMEImage
from email.utils import parseaddr
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.validators import validate_email
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from apps.alerts.delivery import wording
from apps.alerts.delivery.base import Delivered, Envelope, Notifier
from apps.alerts.models import Outcome
from apps.core import masking
from apps.core.errors import InvalidInputError

_TIMEOUT_S: Final = 5


class EmailNotifier(Notifier, kind="email"):
    """Sends one message to one address."""

    label = _("E-mail")
    target_label = _("Address")

    def validate(self, target: str) -> str:
        """A single plain address."""
        target = target.strip()
        try:
            validate_email(target)
        except ValidationError:
            raise InvalidInputError(_("This is not an e-mail address.")) from None
        return target

    def mask(self, target: str) -> str:
        """The first letter and the domain."""
        return masking.email(target)

    def send(self, envelope: Envelope) -> Delivered:
        connection = get_connection(fail_silently=False, timeout=_TIMEOUT_S)
        message = _compose(envelope)
        try:
            return self._hand_over(connection, message)
        finally:
            _close(connection)

    def _hand_over(self, connection: Any, message: EmailMultiAlternatives) -> Delivered:
        try:
            connection.open()
        except (OSError, smtplib.SMTPException) as error:
            # Also a refused password: someone will mend it while we keep trying.
            return Delivered(
                Outcome.TRANSIENT,
                error=f"The mail server cannot be used: {type(error).__name__}.",
            )
        try:
            connection.send_messages([message])
        except (OSError, smtplib.SMTPException) as error:
            return _judge(error)
        return Delivered(Outcome.OK, 250)


class _Message(EmailMultiAlternatives):
    """A picture attached to it belongs to the HTML, not beside it."""

    mixed_subtype = "related"


def _compose(envelope: Envelope) -> EmailMultiAlternatives:
    chart = envelope.chart()
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    with translation.override(envelope.language or settings.LANGUAGE_CODE):
        context = wording.context(envelope.payload, may_repeat=envelope.may_repeat)
        context["chart_cid"] = f"{envelope.key[:24]}@{domain}" if chart else ""
        message = _Message(
            subject=context["title"],
            body=render_to_string("alerts/message.txt", context),
            to=[envelope.target],
            headers={
                "Message-ID": f"<{envelope.key}@{domain}>",
                "Auto-Submitted": "auto-generated",
                "Pharos-Attempt": str(envelope.attempt),
                "Pharos-May-Repeat": "true" if envelope.may_repeat else "false",
            },
        )
        message.attach_alternative(render_to_string("alerts/message.html", context), "text/html")
    if chart:
        message.attach(_inline(chart, context["chart_cid"]))
    thread = envelope.payload.get("episode")
    if thread:
        # Mail programs then show an episode's messages as one conversation.
        message.extra_headers["References"] = f"<{thread}@{domain}>"
    return message


def _inline(chart: bytes, cid: str) -> MIMEImage:
    image = MIMEImage(chart, "png")
    image.add_header("Content-ID", f"<{cid}>")
    image.add_header("Content-Disposition", "inline", filename="chart.png")
    return image


def _judge(error: Exception) -> Delivered:
    codes = []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    elif isinstance(error, smtplib.SMTPResponseException):
        codes = [error.smtp_code]
    if not codes or codes[0] < 400:
        # Cut off in mid-conversation: the message may have been taken.
        return Delivered(
            Outcome.UNKNOWN, error=f"The mail server broke off: {type(error).__name__}."
        )
    outcome = Outcome.PERMANENT if codes[0] >= 500 else Outcome.TRANSIENT
    # The server's text is left out: it repeats the address.
    return Delivered(outcome, codes[0], f"The mail server answered {codes[0]}.")


def _close(connection: Any) -> None:
    try:
        connection.close()
    except (OSError, smtplib.SMTPException):
        return  # the message is accepted or refused already; a bad goodbye changes nothing
