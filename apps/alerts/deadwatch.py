"""Watches the heartbeat from the web process, past rules, queue, worker and outbox.

Where the switch finds the path dead it tells the second channel itself, in a thread of its own.
With the database away too it still does, by what it last knew.
"""

import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.alerts import conf
from apps.alerts.delivery import Delivered, Envelope
from apps.alerts.machine import Severity
from apps.alerts.models import Channel, Notification, OutboxState, Outcome, Purpose
from apps.alerts.services import deadman, phones
from apps.alerts.services.dispatch import send_now
from apps.alerts.services.envelopes import envelope_for
from apps.core.vault import SealBrokenError

log = structlog.get_logger(__name__)
_LOOK_S: Final = 15.0
# Said again while it lasts.
_REPEAT_S: Final = 3600.0


@dataclass
class Watcher:
    """Looks at the heartbeat again and again; `grace_s` after its start it believes it."""

    started: float = field(default_factory=time.monotonic)
    # What it last knew, for when the database is away.
    _second: tuple[str, Envelope] | None = None
    _late_after_s: float = 180.0
    _blind_since: float | None = None
    _alarmed_blind: bool = False

    def look(self) -> str:
        """One look: what is wrong, "" when nothing is. Never raises."""
        try:
            return self._look()
        except (DatabaseError, InterfaceError) as error:
            return self._blind(error)
        except Exception:
            log.exception("heartbeat_unwatched")
            return ""
        finally:
            # No request ends here at which Django would look after this thread's connection.
            close_old_connections()

    def _look(self) -> str:
        row, heart = deadman.settings(), deadman.heart()
        self._remember(row.second, row.late_after_s)
        self._blind_since, self._alarmed_blind = None, False
        # A portal that was off for a night finds its last heartbeat old.
        if heart.trouble and time.monotonic() - self.started < row.late_after_s:
            return heart.trouble
        if not heart.trouble:
            if row.alarmed_at is not None and deadman.withdraw_alarm():
                self._tell(Purpose.RESOLVED, "", 0.0)
            return ""
        if _worst(heart) > row.late_after_s and deadman.claim_alarm(_REPEAT_S):
            log.error("alerting_is_dead", trouble=heart.trouble)
            if not self._tell(Purpose.FIRING, heart.trouble, _worst(heart)):
                # Nobody was told: the next look tries again.
                deadman.withdraw_alarm()
        return heart.trouble

    def _blind(self, error: Exception) -> str:
        now = time.monotonic()
        self._blind_since = self._blind_since or now
        blind_s = now - self._blind_since
        trouble = _("The database has not answered for %(n)d s.") % {"n": blind_s}
        if blind_s > self._late_after_s and not self._alarmed_blind:
            log.error("alerting_is_dead", trouble=trouble, error=type(error).__name__)
            self._alarmed_blind = self._send(Purpose.FIRING, trouble, blind_s) is not None
        return trouble

    def _remember(self, second: Channel | None, late_after_s: float) -> None:
        self._late_after_s = late_after_s
        self._second = None
        if second is not None and second.enabled:
            try:
                account = phones.accounts_of([second]).get(phones.name_of(second))
                self._second = second.kind, envelope_for(second, uuid.uuid4().hex, {}, account)
            except SealBrokenError:
                log.error("second_channel_sealed", channel=second.pk)  # noqa: TRY400

    def _tell(self, purpose: Purpose, trouble: str, late_s: float) -> bool:
        """Tell the second channel, and keep that in the log of messages."""
        row = deadman.settings()
        sent = self._send(purpose, trouble, late_s)
        if sent is None:
            return False
        payload, result = sent
        Notification.objects.create(
            key=uuid.uuid4().hex, channel=row.second, kind=row.second.kind if row.second else "",
            purpose=purpose, severity=Severity.CRITICAL, payload=payload, attempt=1, priority=0,
            reason="deadman", outcome=result.outcome, error=result.error[:500],
            state=OutboxState.SENT if result.outcome == Outcome.OK else OutboxState.DEAD,
            sent_at=Now() if result.outcome == Outcome.OK else None,
        )  # fmt: skip
        return result.outcome == Outcome.OK

    def _send(
        self, purpose: Purpose, trouble: str, late_s: float
    ) -> tuple[dict[str, Any], Delivered] | None:
        if self._second is None:
            return None
        kind, envelope = self._second
        payload = _payload(purpose, trouble, late_s, self._late_after_s)
        return payload, send_now(kind, replace(envelope, key=uuid.uuid4().hex, payload=payload))


def start() -> None:
    """Look every 15 s until the process ends."""
    threading.Thread(target=_watch, name="alerting-watch", daemon=True).start()


def _watch() -> None:
    watcher = Watcher()
    while True:
        watcher.look()
        time.sleep(_LOOK_S)


def _worst(heart: deadman.Heart) -> float:
    late = heart.vitals
    silent = heart.beat_age_s if heart.beat_age_s is not None else float(heart.late_after_s + 1)
    return max(silent, late.rules_s, late.groups_s, late.steps_s, late.outbox_s)


def _payload(purpose: Purpose, trouble: str, late_s: float, limit_s: float) -> dict[str, Any]:
    now = timezone.now().isoformat()
    breach = {
        "metric": "pharos.heartbeat.age", "aggregation": "", "unit": "s", "labels": {},
        "direction": "above", "value": round(late_s), "worst": round(late_s),
        "threshold": limit_s, "severity": "critical", "since": now,
    }  # fmt: skip
    return {
        "purpose": purpose.value,
        "rule": {"id": None, "name": _("Alerting itself is dead"), "summary": trouble},
        "severity": "critical",
        "scope": {},
        "breaches": [breach] if purpose == Purpose.FIRING else [],
        "breaches_not_shown": 0,
        "since": now,
        "ended_at": now if purpose == Purpose.RESOLVED else None,
        "duration_s": None,
        "reason": "ok" if purpose == Purpose.RESOLVED else "breach",
        "url": f"{conf.base_url()}/admin/alerts/notification/",
    }
