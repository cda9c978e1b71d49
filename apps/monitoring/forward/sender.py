"""One destination's thread: takes what waits, sends it, and backs off while it is refused."""

import gzip
import logging
import random
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from apps.core.outgoing import BrokenOffError, Line, UnreachableError
from apps.monitoring import recorder
from apps.monitoring.forward.base import LOGS, METRICS, TRACES, Kind, Parcel, Verdict
from apps.monitoring.forward.queue import Queue
from apps.monitoring.store.rows import Batch

logger = logging.getLogger(__name__)

# Doubled from the first to the last; between tries everything else waits in the queue.
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
# A receiver may ask for more, but not for ever.
_LONGEST_ASKED_S: Final = 300.0
# What nobody took for so long is given up: newer rows say more.
_GIVE_UP_S: Final = 900.0
_GZIP_FROM_BYTES: Final = 1_000
# Tells another Pharos not to send it on again.
FORWARDED: Final = "Pharos-Forwarded"


class Setup(NamedTuple):
    """What a sender is made of; another one makes another sender."""

    pk: int
    name: str
    kind: str
    endpoint: str
    sealed: str
    signals: tuple[str, ...]


@dataclass
class State:
    """What a sender tells of itself."""

    ok_at: datetime | None = None
    error_at: datetime | None = None
    error: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> tuple[datetime | None, datetime | None, str]:
        """What is new since the last call."""
        with self.lock:
            told = (self.ok_at, self.error_at, self.error)
            self.ok_at = self.error_at = None
            return told


class Sender:
    """Sends one destination's rows in order. `offer` never blocks and never raises."""

    def __init__(self, setup: Setup, credentials: str, *, pause_s: float = _FIRST_PAUSE_S) -> None:
        self.setup = setup
        self.state = State()
        self._kind: Kind = Kind.registry[setup.kind]
        self._headers = self._kind.headers(credentials)
        self._line = Line(setup.endpoint)
        self._pause_s = pause_s
        self.queue = Queue(lambda rows: self._count("", "dropped", rows, "queue_full"))
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"pharos-forward-{setup.pk}", daemon=True
        )

    def start(self) -> None:
        """Begin sending."""
        self._thread.start()

    def offer(self, batches: Sequence[Batch]) -> None:
        """Queue what of the batches this destination takes."""
        for batch in batches:
            self.queue.put(batch, wanted(batch, self.setup.signals))

    def stop(self, timeout_s: float = 0.0) -> None:
        """Send what is queued for at most `timeout_s`, then end; the rest is dropped."""
        self.queue.close()
        self._thread.join(timeout_s)
        self._stopping.set()

    def hang_up(self) -> None:
        """Close the connection of a sender that was never started."""
        self._line.close()

    def _run(self) -> None:
        # Nothing a sender does is recorded: it would be forwarded, and recorded again.
        with recorder.suppressed():
            while batches := self.queue.take():
                try:
                    for parcel in self._kind.parcels(batches, self.setup.signals):
                        self._deliver(parcel)
                except Exception:
                    logger.exception("forward_failed", extra={"destination": self.setup.name})
            self._line.close()

    def _deliver(self, parcel: Parcel) -> None:
        """Send until it is taken, refused for good, or too old."""
        left: Parcel | None = parcel
        pause_s = self._pause_s
        until = time.monotonic() + _GIVE_UP_S
        while left is not None:
            verdict = self.post(left)
            self.tell(left.signal, verdict)
            left = verdict.again
            if left is None:
                return
            wait_s = min(verdict.retry_after_s or pause_s, _LONGEST_ASKED_S)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            gone = time.monotonic() + wait_s > until
            # Jitter, so that the senders of many processes do not come back as one.
            if gone or self._stopping.wait(wait_s * random.uniform(1.0, 1.2)):  # noqa: S311
                self._count(left.signal, "dropped", left.items, "given_up")
                return

    def post(self, parcel: Parcel) -> Verdict:
        """One try."""
        headers = {"Content-Type": parcel.content_type, FORWARDED: "1", **self._headers}
        body = parcel.body
        if len(body) >= _GZIP_FROM_BYTES:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, compresslevel=3, mtime=0)
        try:
            return self._kind.judge(parcel, self._line.post(parcel.path, body, headers))
        except (UnreachableError, BrokenOffError) as error:
            return Verdict(reason=str(error), again=parcel)

    def tell(self, signal: str, verdict: Verdict) -> None:
        """Count what became of a try, and remember how it went."""
        now = datetime.now(UTC)
        with self.state.lock:
            if verdict.sent:
                self.state.ok_at = now
            if verdict.reason:
                self.state.error_at, self.state.error = now, verdict.reason
        self._count(signal, "sent", verdict.sent)
        self._count(signal, "refused", verdict.refused)
        if verdict.again is not None:
            self._count(signal, "retried", verdict.again.items)

    def _count(self, signal: str, state: str, items: int, reason: str = "") -> None:
        if not items:
            return
        attrs = {"destination": self.setup.name, "state": state}
        attrs |= {name: of for name, of in (("signal", signal), ("reason", reason)) if of}
        recorder.count("pharos.forward.items", items, "{item}", attrs)


def wanted(batch: Batch, signals: Collection[str]) -> int:
    """How many rows of a batch belong to these signals."""
    rows = {
        TRACES: len(batch.spans),
        LOGS: len(batch.logs),
        METRICS: len(batch.samples) + len(batch.histograms),
    }
    return sum(rows[signal] for signal in signals)
