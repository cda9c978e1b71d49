"""Caps: token buckets of channels, and of people on them, spent in the outbox transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F

from apps.alerts.machine import Severity
from apps.alerts.models import Bucket, Cap, CapScope, Channel


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket of `burst` tokens that fills at `per_hour`."""

    burst: int
    per_hour: int

    def after(self, tokens: float, elapsed_s: float) -> float:
        """The tokens there are once this time has passed; a clock that stepped back adds none."""
        return min(float(self.burst), tokens + max(0.0, elapsed_s) * self.per_hour / 3600)


DEFAULTS: Final = {
    CapScope.CHANNEL: Limit(burst=60, per_hour=360),
    CapScope.PERSON: Limit(burst=15, per_hour=60),
}
# Read by programs, which need every message: capped only where a row says so.
PROGRAMS: Final = ("webhook", "pagerduty", "opsgenie")


def spend(
    channel: Channel,
    person: User | None,
    severity: str,
    at: datetime,
    *,
    first: bool = True,
    known: Sequence[Cap] | None = None,
) -> bool:
    """Take a token for one message; False: it is over a cap and goes to the digest.

    A critical `first` page leaves in any case, and its token is taken where there is one. Belongs
    in the transaction that owes the message, which so waits for others that spend on the channel.
    `known`: every cap, where the caller has them.
    """
    exempt = first and severity == Severity.CRITICAL
    wanted: list[tuple[CapScope, User | None]] = [(CapScope.CHANNEL, None)]
    if person is not None:
        wanted.append((CapScope.PERSON, person))
    rows = list(Cap.objects.all()) if known is None else known
    limits = [(limit_of(channel, scope, rows), whose) for scope, whose in wanted]
    buckets = [(limit, _locked(channel, whose, limit, at)) for limit, whose in limits if limit]
    left = [limit.after(row.tokens, (at - row.at).total_seconds()) for limit, row in buckets]
    enough = all(tokens >= 1 for tokens in left)
    for (_limit, row), tokens in zip(buckets, left, strict=True):
        paid = 1 if enough or exempt else 0
        Bucket.objects.filter(pk=row.pk).update(
            tokens=max(0.0, tokens - paid),
            at=max(at, row.at),
            exempt=F("exempt") + int(exempt and not enough),
            held=F("held") + int(not exempt and not enough),
        )
    return enough or exempt


def limit_of(channel: Channel, scope: CapScope, known: Sequence[Cap]) -> Limit | None:
    """The cap in force: the channel's own, else its kind's, else every kind's, else the default."""
    programs = channel.kind in PROGRAMS
    rows = [
        row
        for row in known
        if row.scope == scope
        and (row.channel_id == channel.pk if row.channel_id else row.kind in ("", channel.kind))
        and (row.channel_id or row.kind or not programs)
    ]
    if not rows:
        return None if programs else DEFAULTS[scope]
    row = min(rows, key=lambda one: (one.channel_id is None, one.kind == ""))
    return Limit(row.burst, row.per_hour) if row.enabled else None


def _locked(channel: Channel, person: User | None, limit: Limit, at: datetime) -> Bucket:
    with connection.cursor() as cursor:
        # A new bucket is full.
        cursor.execute(
            "INSERT INTO alerts_bucket (channel_id, person_id, tokens, at, exempt, held)"
            " VALUES (%s, %s, %s, %s, 0, 0) ON CONFLICT DO NOTHING",
            [channel.pk, person.pk if person else None, limit.burst, at],
        )
    return Bucket.objects.select_for_update(no_key=True).get(channel=channel, person=person)
