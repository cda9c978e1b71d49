"""Operational truths about alerting, told by `manage.py check`."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Info, Tags, register
from django.core.checks import Warning as Caution
from django.db import DatabaseError
from django.utils.translation import gettext as _

from apps.alerts import conf


@register("alerts")
def mail_server(**_kwargs: Any) -> list[CheckMessage]:
    """Say where e-mail goes while no server was named."""
    if settings.EMAIL_BACKEND.endswith("smtp.EmailBackend") and (
        settings.EMAIL_HOST == "localhost" and int(settings.EMAIL_PORT) == 25
    ):
        return [
            Info(
                _("E-mail goes to the mail server of this machine, localhost:25."),
                hint=_("Set EMAIL_URL, for example smtp+tls://user:password@mail.example.com:587."),
                id="alerts.I001",
            )
        ]
    return []


@register(Tags.database)
def clock(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Say so when this machine's clock is off the database's."""
    if not databases or "default" not in databases:
        return []
    from apps.alerts.clock import skew_s

    try:
        off_s = skew_s()
    except DatabaseError:
        return []
    if abs(off_s) <= conf.SKEW_REPORTED_S:
        return []
    return [
        Caution(
            _("This machine's clock is %(s).1f s off the database's.") % {"s": off_s},
            hint=_("Let a time service set both; beyond %(n)d s a worker here judges no rule.")
            % {"n": conf.SKEW_REFUSED_S},
            id="alerts.W001",
        )
    ]


@register(Tags.database)
def channels(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Say so when alerts reach nobody, or messages were given up."""
    if not databases or "default" not in databases:
        return []
    from apps.alerts.models import Channel
    from apps.alerts.queries import dead_letters

    try:
        reached = Channel.objects.filter(enabled=True, rules__enabled=True).exists()
        dead = dead_letters()
    except DatabaseError:
        return []  # not migrated yet, or away: other checks say that
    found: list[CheckMessage] = []
    if not reached:
        found.append(
            Info(
                _("No enabled rule has a channel: alerts are shown but reach nobody."),
                hint=_("Add a channel in the admin and choose it in the rules."),
                id="alerts.I002",
            )
        )
    if dead:
        found.append(
            Info(
                _("%(n)d notifications were given up.") % {"n": dead},
                hint=_("Their errors stand in the notification log; they can be sent again there."),
                id="alerts.I003",
            )
        )
    return found


@register(Tags.database)
def watched(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Say so when nobody notices that alerting itself is dead."""
    if not databases or "default" not in databases:
        return []
    from apps.alerts.models import DeadMan

    try:
        row = DeadMan.objects.first()
    except DatabaseError:
        return []  # not migrated yet, or away: other checks say that
    if row is not None and row.heartbeat_id is not None and row.second_id is not None:
        return []
    return [
        Info(
            _("Nobody notices when alerting itself is dead."),
            hint=_(
                "Add a channel of the kind Heartbeat (an address of Healthchecks or its like) and a"
                " second channel, and choose both under Dead man's switch in the admin."
            ),
            id="alerts.I004",
        )
    ]
