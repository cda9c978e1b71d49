"""What is over a cap does not leave by itself: it is kept for the next digest of its channel."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.models import Cap, Digest, DigestEntry, Notification, Purpose
from apps.alerts.suppression import caps

_CAPPED: Final = (
    Purpose.FIRING, Purpose.RESOLVED, Purpose.ESCALATION, Purpose.FLAPPING, Purpose.INCIDENT,
)  # fmt: skip

_TRIES: Final = 3
# Of what happens to an incident; a further status is none.
_NEW_TROUBLE: Final = ("declared", "severity", "reopened")


def within_caps(rows: Sequence[Notification]) -> list[Notification]:
    """Those of the rows about to be owed that may leave; the others are kept for a digest.

    Belongs in the transaction that owes them. Tests, digests, and messages that stand in for one
    that failed spend nothing.
    """
    if not rows:
        return []
    at, known = db_now(), list(Cap.objects.all())
    kept: list[Notification] = []
    with transaction.atomic(savepoint=False):
        # In one order of channels, so that two transactions cannot wait for each other.
        kept.extend(
            row
            for row in sorted(rows, key=lambda one: one.channel_id or 0)
            if _may_leave(row, at, known) or not _keep(row)
        )
    wanted = {id(row) for row in kept}
    return [row for row in rows if id(row) in wanted]


def _may_leave(row: Notification, at: datetime, known: Sequence[Cap]) -> bool:
    if row.channel is None or row.purpose not in _CAPPED or row.fallback_of is not None:
        return True
    return caps.spend(row.channel, row.person, row.severity, at, first=_is_first(row), known=known)


def _is_first(row: Notification) -> bool:
    """Whether it tells of new trouble: that, when it is critical, no cap holds back."""
    if row.purpose == Purpose.INCIDENT:
        return row.reason in _NEW_TROUBLE
    return row.purpose != Purpose.RESOLVED and row.reason != "repeat"


def _keep(row: Notification) -> bool:
    """Into the next digest; False: none could be had, and a message too many is no harm."""
    digest = next(filter(None, (_open(row) for _try in range(_TRIES))), None)
    if digest is None:
        return False
    DigestEntry.objects.bulk_create(
        [
            DigestEntry(
                digest=digest, key=row.key, episode=row.episode, group=row.group,
                purpose=row.purpose, severity=row.severity, payload=row.payload,
            )
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    return True


def _open(row: Notification) -> Digest | None:
    """The digest that is being collected, locked; None when it was sent while we waited for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_digest (channel_id, person_id, due_at)"
            " VALUES (%s, %s, statement_timestamp() + make_interval(secs => %s))"
            " ON CONFLICT DO NOTHING",
            [row.channel_id, row.person_id, conf.DIGEST_S],
        )
    return (
        Digest.objects.select_for_update(no_key=True)
        .filter(channel=row.channel_id, person=row.person_id, sent_at=None)
        .first()
    )
