"""Send what is due, each channel kind behind its own bulkhead."""

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import structlog
from django.db import InterfaceError, OperationalError, connection

from apps.alerts import conf
from apps.alerts.delivery import Delivered, Envelope, notifier_for
from apps.alerts.models import Outcome
from apps.alerts.services.envelopes import Claim
from apps.alerts.services.outbox import claim, settle
from apps.monitoring import recorder

log = structlog.get_logger(__name__)


@dataclass
class _Bulkhead:
    """One dispatcher for each kind and process; a hung mail server holds up no webhook."""

    busy: threading.Lock = field(default_factory=threading.Lock)
    wanted: threading.Event = field(default_factory=threading.Event)


_bulkheads: dict[str, _Bulkhead] = {}
_guard = threading.Lock()


def dispatch(kind: str) -> int:
    """Send every due message of this kind; the number of attempts made.

    When this process is dispatching the kind already, that run is told to look again and 0 comes
    back at once.
    """
    with _guard:
        bulkhead = _bulkheads.setdefault(kind, _Bulkhead())
    attempts = 0
    bulkhead.wanted.set()
    # Asked again after the lock is free: a wish that came just before must not wait for the poll.
    while bulkhead.wanted.is_set() and bulkhead.busy.acquire(blocking=False):
        try:
            bulkhead.wanted.clear()
            attempts += _Run(kind).drain()
        finally:
            bulkhead.busy.release()
    return attempts


class _Run:
    """One pass over the outbox: keeps up to WIDTH sends in flight until nothing is due."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.attempts = 0
        self._flying: dict[Future[Delivered], tuple[Claim, float]] = {}

    def drain(self) -> int:
        stop_at = time.monotonic() + conf.DISPATCH_BUDGET_S
        pool = ThreadPoolExecutor(conf.WIDTH, thread_name_prefix=f"send-{self.kind}")
        try:
            while True:
                claimed = time.monotonic() < stop_at and self._launch(pool)
                if not self._flying and not claimed:
                    return self.attempts
                self._land()
        finally:
            # A send that overran its deadline was written off; nobody waits for it.
            pool.shutdown(wait=False)

    def _launch(self, pool: ThreadPoolExecutor) -> int:
        free = conf.WIDTH - len(self._flying)
        if free <= 0:
            return 0
        flying = [one.notification for one, _ in self._flying.values()]
        busy = {row.channel_id for row in flying if row.channel_id is not None}
        # Channels in trouble share half of the bulkhead: the other half stays for those that work.
        ill = sum(
            row.channel is not None and row.channel.failing_since is not None for row in flying
        )
        claims = claim(self.kind, free, busy, troubled=ill < conf.WIDTH_IN_TROUBLE)
        for one in claims:
            self.attempts += 1
            if one.envelope is None:
                self._settle(one, Delivered(Outcome.PERMANENT, error=one.refusal))
            else:
                future = pool.submit(send_now, self.kind, one.envelope)
                self._flying[future] = (one, time.monotonic() + conf.SEND_DEADLINE_S)
        return len(claims)

    def _land(self) -> None:
        if not self._flying:
            return
        done, _ = wait(self._flying, timeout=0.5, return_when=FIRST_COMPLETED)
        now = time.monotonic()
        for future in list(self._flying):
            one, deadline = self._flying[future]
            if future in done:
                del self._flying[future]
                self._settle(one, future.result())
            elif now > deadline:
                del self._flying[future]
                self._settle(
                    one, Delivered(Outcome.UNKNOWN, error="The receiver kept us waiting too long.")
                )

    def _settle(self, one: Claim, result: Delivered) -> None:
        try:
            kept = _settle_surely(one, result)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # Its lease ends and it is sent once more, marked. The others in flight are settled.
            log.exception("notification_not_settled", notification=one.notification.pk)
            return
        recorder.count(
            "pharos.notification.attempts",
            attrs={"kind": self.kind, "outcome": str(result.outcome)},
        )
        if not kept:
            recorder.count("pharos.notification.leases.lost", attrs={"kind": self.kind})
            log.warning("notification_lease_lost", notification=one.notification.pk)
        elif result.outcome != Outcome.OK:
            log.warning(
                "notification_not_delivered", notification=one.notification.pk,
                attempt=one.notification.attempt, outcome=str(result.outcome), error=result.error,
            )  # fmt: skip


def _settle_surely(one: Claim, result: Delivered) -> bool:
    """Settle through a short outage of the database: an unsettled message is sent again."""
    give_up_at = time.monotonic() + conf.LEASE_S
    while True:
        try:
            return settle(one, result)
        except (OperationalError, InterfaceError):
            if time.monotonic() > give_up_at:
                raise
            connection.close()
            time.sleep(1)


def send_now(kind: str, envelope: Envelope) -> Delivered:
    """One attempt, in this thread; never raises."""
    try:
        return notifier_for(kind).send(envelope)
    except Exception as error:  # noqa: BLE001 (a notifier may be anybody's code)
        # Whether anything left cannot be known; the text may hold the target and is not kept.
        log.error("notifier_failed", kind=kind, error=type(error).__name__)  # noqa: TRY400
        return Delivered(Outcome.UNKNOWN, error=f"The notifier failed: {type(error).__name__}.")
