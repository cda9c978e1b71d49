"""What is over a cap is told together, every few minutes."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError, transaction

from apps.alerts import conf
from apps.alerts.clock import db_now
from apps.alerts.machine import RANK, Severity
from apps.alerts.models import Digest, DigestEntry, Purpose
from apps.alerts.services.owe import owe

log = structlog.get_logger(__name__)
TOP: Final = 10
_AT_ONCE: Final = 50


def send_due() -> int:
    """Owe every digest whose time has come; how many. Any number may run at once."""
    with transaction.atomic():
        due = list(
            Digest.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("channel", "person")
            .filter(sent_at=None, due_at__lte=db_now())
            .order_by("due_at")[:_AT_ONCE]
        )
        return sum(_send_safely(digest) for digest in due)


def _send_safely(digest: Digest) -> bool:
    """Owe one; one that cannot be written stays due, and late, and holds up no other."""
    try:
        with transaction.atomic():
            _send(digest)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("digest_not_sent", digest=digest.pk)
        return False
    return True


def _send(digest: Digest) -> None:
    entries = list(digest.entries.order_by("pk"))
    severity = max((one.severity for one in entries), key=_rank, default="")
    owed = owe(
        [digest.channel], Purpose.DIGEST, payload_of(entries), news=f"digest:{digest.pk}",
        person=digest.person, severity=severity, reason="digest",
    )  # fmt: skip
    digest.sent_at = db_now()
    digest.notification = owed[0] if owed else None
    digest.save(update_fields=["sent_at", "notification"])


def payload_of(entries: Sequence[DigestEntry]) -> dict[str, Any]:
    """What a digest tells, in the shape of any message, and `digest`: counts and the worst ten."""
    worst = sorted(entries, key=lambda one: (-_rank(one.severity), one.pk))
    breaches = [breach for one in worst for breach in one.payload.get("breaches", [])[:1]]
    severity = worst[0].severity if worst else ""
    return {
        "purpose": Purpose.DIGEST.value,
        "episode": None,
        "rule": {
            "id": None,
            "name": "",
            "summary": "",
        },
        "severity": severity,
        "state": "",
        "scope": {},
        "breaches": breaches[:TOP],
        "breaches_not_shown": max(0, len(entries) - min(len(breaches), TOP)),
        "since": entries[0].at.isoformat() if entries else None,
        "ended_at": None,
        "duration_s": None,
        "reason": "",
        "url": f"{conf.base_url()}/admin/alerts/episode/",
        "digest": {
            "count": len(entries),
            "by_severity": dict(Counter(one.severity for one in entries)),
            "by_purpose": dict(Counter(one.purpose for one in entries)),
            "top": [_line(one) for one in worst[:TOP]],
        },
    }


def _line(one: DigestEntry) -> dict[str, Any]:
    return {
        "rule": one.payload.get("rule", {}).get("name", ""),
        "scope": one.payload.get("scope", {}),
        "severity": one.severity,
        "purpose": one.purpose,
        "at": one.at.isoformat(),
        "url": one.payload.get("url", ""),
    }


def _rank(severity: str) -> int:
    return RANK[Severity(severity)] if severity else 0
