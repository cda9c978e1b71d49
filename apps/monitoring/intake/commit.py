"""Group commit: many requests, one transaction, and an answer only after COMMIT.

Every producer of a process (OTLP requests, the recorder, collectors) hands its batches to one
thread with a connection of its own. Raw psycopg: nothing here is seen by what instruments Django,
and nothing here logs per batch, so watching the intake never feeds the intake.
"""

import atexit
import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Final, NamedTuple

from apps.monitoring.intake import committed
from apps.monitoring.intake.stats import CommitStats
from apps.monitoring.store.errors import StoreBusyError, StoreUnavailableError
from apps.monitoring.store.rows import Batch, Outcome
from apps.monitoring.store.writer import Writer

__all__ = ["CommitStats", "GroupCommitter", "StoreBusyError", "StoreUnavailableError", "committer"]

logger = logging.getLogger(__name__)

GROUP_ROWS: Final = 2_000
GROUP_BYTES: Final = 1 << 20
GATHER_S: Final = 0.020
QUEUE_ROWS: Final = 200_000
QUEUE_BYTES: Final = 128 << 20
LONGEST_WAIT_S: Final = 5.0
# What a row weighs when its producer gave no size.
_BYTES_A_ROW: Final = 256
_BACK_OFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)


class _Waiting(NamedTuple):
    batch: Batch
    future: "Future[Outcome]"
    since: float
    size_bytes: int


class GroupCommitter:
    """A bounded queue and the thread that commits it. `submit` and `ingest` are thread-safe."""

    def __init__(self, *, queue_rows: int = QUEUE_ROWS, queue_bytes: int = QUEUE_BYTES) -> None:
        self._most_rows, self._most_bytes = queue_rows, queue_bytes
        self._queue: deque[_Waiting] = deque()
        self._rows = self._bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._writer = Writer()
        self._failed_in_a_row = 0
        self._retry_at = 0.0
        self._alone = True
        self._coming = 0
        self._totals: dict[str, int] = dict.fromkeys(
            ("rows", "rejected", "duplicates", "commits", "failures", "refused_busy"), 0
        )
        self._last_commit_s: float | None = None

    def submit(self, batch: Batch) -> "Future[Outcome]":
        """Queue a batch; never blocks.

        The future holds its Outcome after COMMIT, or fails with StoreUnavailableError. Raises
        StoreBusyError when the queue is full. A batch larger than the queue is taken when the
        queue is empty.
        """
        rows = len(batch)
        size = batch.size_bytes or rows * _BYTES_A_ROW
        future: Future[Outcome] = Future()
        with self._changed:
            full = self._rows + rows > self._most_rows or self._bytes + size > self._most_bytes
            if full and self._queue:
                self._totals["refused_busy"] += 1
                raise StoreBusyError
            self._queue.append(_Waiting(batch, future, time.monotonic(), size))
            self._rows += rows
            self._bytes += size
            self._start()
            self._changed.notify_all()
        return future

    @contextlib.contextmanager
    def expecting(self) -> Iterator[None]:
        """While a batch is being made: a group waits for it a little longer."""
        with self._changed:
            self._coming += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming -= 1
                self._changed.notify_all()

    def ingest(self, batch: Batch, timeout_s: float = LONGEST_WAIT_S) -> Outcome:
        """`submit` and wait. Raises StoreUnavailableError when it takes longer than `timeout_s`;
        the batch may still be committed then, and a retry with its key is recognised."""
        try:
            return self.submit(batch).result(timeout_s)
        except FutureTimeoutError:
            raise StoreUnavailableError from None

    def stats(self) -> CommitStats:
        """Counters for whoever publishes them."""
        with self._changed:
            return CommitStats(
                **self._totals, queue_rows=self._rows, queue_bytes=self._bytes,
                last_commit_s=self._last_commit_s,
            )  # fmt: skip

    def close(self, timeout_s: float = LONGEST_WAIT_S) -> bool:
        """Commit what is queued, stop the thread, close the connection.

        False when `timeout_s` was too short. A later `submit` starts anew.
        """
        with self._changed:
            thread = self._thread
            self._closing = True
            self._changed.notify_all()
        if thread is None:
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._closing = False
            self._thread = threading.Thread(target=self._run, name="pharos-intake", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        # One writer a thread: a thread that ends never closes its successor's connection.
        self._writer = writer = Writer()
        try:
            while group := self._gather():
                self._commit(group)
        finally:
            writer.close()

    def _gather(self) -> list[_Waiting]:
        """The next group; empty when closing and nothing is left."""
        with self._changed:
            while not self._queue:
                if self._closing:
                    # Under the lock: a submit after this starts a new thread.
                    self._thread = None
                    return []
                self._changed.wait()
            begun = time.monotonic()
            while not self._closing and self._rows < GROUP_ROWS and self._bytes < GROUP_BYTES:
                left_s = begun + self._window_s() - time.monotonic()
                if left_s <= 0 or not self._changed.wait(left_s):
                    break
            return self._take()

    def _window_s(self) -> float:
        # Nothing is on its way and a lone producer waits for each answer: waiting brings nothing.
        return GATHER_S if self._coming and not self._alone else GATHER_S / 10

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        rows = size = 0
        while self._queue and (not group or (rows < GROUP_ROWS and size < GROUP_BYTES)):
            waiting = self._queue.popleft()
            group.append(waiting)
            rows += len(waiting.batch)
            size += waiting.size_bytes
        self._rows -= rows
        self._bytes -= size
        self._alone = len(group) == 1 and not self._queue
        return group

    def _commit(self, group: list[_Waiting]) -> None:
        begun = time.monotonic()
        late = [w for w in group if begun - w.since > LONGEST_WAIT_S]
        group = [w for w in group if begun - w.since <= LONGEST_WAIT_S]
        self._fail(late, StoreUnavailableError())
        if not group:
            return
        if begun < self._retry_at:
            self._fail(group, StoreUnavailableError())
            return
        try:
            outcomes = self._writer.write([w.batch for w in group])
        except StoreUnavailableError as error:
            self._note_failure(error)
            self._fail(group, error)
        except Exception:
            # A fault of ours must not kill the thread that everyone waits for.
            logger.exception("the intake failed to store a group")
            self._writer.close()
            self._fail(group, StoreUnavailableError())
        else:
            self._note_success(outcomes, time.monotonic() - begun)
            # First: whoever waits for the future may take the rows apart.
            committed.tell(
                [w.batch for w, o in zip(group, outcomes, strict=True) if not o.duplicate]
            )
            for waiting, outcome in zip(group, outcomes, strict=True):
                _settle(waiting.future, outcome)

    def _fail(self, group: list[_Waiting], error: StoreUnavailableError) -> None:
        if group:
            with self._changed:
                self._totals["failures"] += len(group)
        for waiting in group:
            if waiting.future.set_running_or_notify_cancel():
                waiting.future.set_exception(error)

    def _note_failure(self, error: StoreUnavailableError) -> None:
        if not self._failed_in_a_row:
            logger.warning("the telemetry store is unavailable: %s", error.__cause__ or error)
        if not self._writer.connected:
            pause_s = _BACK_OFF_S[min(self._failed_in_a_row, len(_BACK_OFF_S) - 1)]
            self._retry_at = time.monotonic() + pause_s
        self._failed_in_a_row += 1

    def _note_success(self, outcomes: list[Outcome], took_s: float) -> None:
        if self._failed_in_a_row:
            logger.warning("the telemetry store is available again")
        self._failed_in_a_row, self._retry_at = 0, 0.0
        with self._changed:
            self._last_commit_s = took_s
            self._totals["commits"] += 1
            for outcome in outcomes:
                if outcome.duplicate:
                    self._totals["duplicates"] += 1
                else:
                    self._totals["rows"] += outcome.accepted
                    self._totals["rejected"] += outcome.rejected


def _settle(future: "Future[Outcome]", outcome: Outcome) -> None:
    # A caller that gave up has cancelled its future; its rows are committed all the same.
    if future.set_running_or_notify_cancel():
        future.set_result(outcome)


_lock = threading.Lock()
_current: GroupCommitter | None = None
# Committers of a parent process: kept, so that nothing of theirs is closed from a child.
_inherited: list[GroupCommitter] = []


def committer() -> GroupCommitter:
    """This process's committer, made on first use; a forked child gets its own."""
    global _current
    if _current is None:
        with _lock:
            if _current is None:
                _current = GroupCommitter()
    return _current


def _after_fork() -> None:
    global _current, _lock
    _lock = threading.Lock()
    if _current is not None:
        _inherited.append(_current)
        _current = None


def _at_exit() -> None:
    if _current is not None:
        _current.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
