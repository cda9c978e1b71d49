"""Rows → the store, with a bounded backlog while the store is away."""

import time
from collections import deque
from concurrent.futures import Future, wait
from typing import Any, Final
from uuid import uuid4

from apps.monitoring.intake.commit import (
    CommitStats,
    StoreBusyError,
    StoreUnavailableError,
    committer,
)
from apps.monitoring.intake.processes import all_stats, queue_fill
from apps.monitoring.recorder import exposition
from apps.monitoring.recorder.buffer import Recorder
from apps.monitoring.recorder.folding import Folding
from apps.monitoring.store.identity import own_resource
from apps.monitoring.store.rows import Batch, Kind, Outcome

# Figures go out less often than spans and logs: a row per series and shipment.
POINTS_EVERY_S: Final = 3.0
BATCH_ROWS: Final = 2_000
BACKLOG_ROWS: Final = 50_000


class Shipper:
    """The flusher of a process. Every method runs under the recorder's work lock."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._folding = Folding(own_resource())
        self._backlog: deque[Batch] = deque()
        self._under_way: list[tuple[Batch, Future[Outcome]]] = []
        self._points_at = time.monotonic()
        self._not_before = 0.0
        self._told = CommitStats()

    def take(self, event: tuple[Any, ...]) -> None:
        """Fold one event."""
        self._folding.take(event)
        if len(self._folding.batch) >= BATCH_ROWS:
            self._cut()

    def ship(self, dropped: dict[str, int], *, final: bool) -> None:
        """Hand everything folded so far to the store, without waiting for it."""
        folding = self._folding
        folding.set_clock()
        for reason, count in dropped.items():
            attrs = {"pharos.drop.reason": reason}
            folding.points.add(Kind.SUM, "pharos.recorder.dropped", count, "{event}", attrs)
            exposition.dropped(reason, count)
        now = time.monotonic()
        if final or now - self._points_at >= POINTS_EVERY_S:
            self._points_at = now
            self._tell_store()
            exposition.publish()
            folding.points.write(folding.batch)
        self._cut()
        self._collect()
        if final or now >= self._not_before:
            self._submit()
        self._trim()
        exposition.backlog(self.rows)

    def settle(self, timeout_s: float) -> bool:
        """Wait for what is under way; True when nothing is left to store."""
        wait([future for _, future in self._under_way], timeout_s)
        self._collect()
        return not self._under_way and not self._backlog

    @property
    def rows(self) -> int:
        """Rows not yet known to be committed."""
        return sum(map(len, self._backlog)) + sum(len(b) for b, _ in self._under_way)

    def _cut(self) -> None:
        if len(self._folding.batch):
            # A key of its own: a batch sent again after an unclear end is stored once.
            self._folding.batch.key = uuid4()
            self._backlog.append(self._folding.batch)
            self._folding.batch = Batch()

    def _submit(self) -> None:
        while self._backlog:
            try:
                future = committer().submit(self._backlog[0])
            except StoreBusyError as error:
                self._not_before = time.monotonic() + (error.retry_after_s or 1.0)
                return
            self._under_way.append((self._backlog.popleft(), future))

    def _collect(self) -> None:
        pending, failed = [], []
        for batch, future in self._under_way:
            if not future.done():
                pending.append((batch, future))
                continue
            error = future.exception()
            if isinstance(error, StoreUnavailableError):
                failed.append(batch)
                self._not_before = time.monotonic() + (error.retry_after_s or 1.0)
            elif error is not None:
                self._recorder.drop("store_error", len(batch))
            elif future.result().rejected:
                self._recorder.drop("rejected", future.result().rejected)
        self._under_way = pending
        self._backlog.extendleft(reversed(failed))

    def _trim(self) -> None:
        # The oldest go first: after an outage people look at what is new.
        rows = self.rows
        while rows > BACKLOG_ROWS and self._backlog:
            lost = len(self._backlog.popleft())
            rows -= lost
            self._recorder.drop("store_unavailable", lost)

    def _tell_store(self) -> None:
        stats = all_stats()
        points = self._folding.points
        exposition.intake(stats)
        told, self._told = self._told, stats
        for name in ("rows", "rejected", "failures"):
            more = getattr(stats, name) - getattr(told, name)
            points.add(Kind.SUM, f"pharos.intake.{name}", more, "1", None)
        points.add(Kind.GAUGE, "pharos.intake.queue.rows", stats.queue_rows, "{row}", None)
        points.add(Kind.GAUGE, "pharos.intake.queue.fill", queue_fill(), "1", None)
        points.add(Kind.GAUGE, "pharos.recorder.backlog.rows", self.rows, "{row}", None)
        if stats.last_commit_s is not None:
            points.add(Kind.GAUGE, "pharos.intake.commit.last", stats.last_commit_s, "s", None)
