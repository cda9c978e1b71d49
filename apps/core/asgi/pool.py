"""A bounded pool of threads that answers to one event loop."""

import asyncio
import contextvars
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

_WAIT_S: Final = 5.0


class FullError(Exception):
    """No thread and no place to wait is free, or none became free in time."""


class _Job:
    __slots__ = ("future", "ticket", "work")

    def __init__(self, work: Callable[[], Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        # Whoever takes the ticket decides: a thread runs the job or the clock gives it up.
        # list.pop is atomic, so no lock is needed on the way of every request.
        self.ticket = [True]

    def take(self) -> bool:
        try:
            return self.ticket.pop()
        except IndexError:
            return False


class Pool:
    """`threads` at work and at most `waiting` in line, each for at most `wait_s`.

    All methods belong to the event loop's thread. Each job runs in a context of its own, so
    context variables do not leak from one request into the next; what `prepare` sets in a new
    thread is seen by all its jobs.
    """

    def __init__(
        self,
        threads: int,
        waiting: int,
        *,
        wait_s: float = _WAIT_S,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.threads = threads
        self._capacity = threads + waiting
        self._wait_s = wait_s
        self._prepare = prepare
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._done: deque[tuple[_Job, Any, Exception | None]] = deque()
        self._waking = False
        self._started = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.pending = 0

    @property
    def full(self) -> bool:
        """Whether one more job would be refused."""
        return self.pending >= self._capacity

    async def run(self, work: Callable[[], Any]) -> Any:
        """What `work` returns or raises, run in a thread. Raises FullError at once when full."""
        if self.full:
            raise FullError
        loop = asyncio.get_running_loop()
        if not self._started:
            self._start(loop)
        job = _Job(work, loop.create_future())
        must_wait = self.pending >= self.threads
        self.pending += 1
        self._jobs.put(job)
        if not must_wait:
            return await job.future
        clock = loop.call_later(self._wait_s, self._give_up, job)
        try:
            return await job.future
        finally:
            clock.cancel()

    async def drain(self, timeout_s: float) -> bool:
        """Wait for the running jobs, then end the threads; False when time ran out."""
        deadline = time.monotonic() + timeout_s
        while self.pending and time.monotonic() < deadline:  # noqa: ASYNC110 (once, at the end)
            await asyncio.sleep(0.05)
        for _ in range(self.threads if self._started else 0):
            self._jobs.put(None)
        return not self.pending

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._started = True
        for number in range(self.threads):
            # Daemons: a hung request must not keep the process from ending.
            threading.Thread(target=self._work, name=f"web-{number}", daemon=True).start()

    def _give_up(self, job: _Job) -> None:
        # The job keeps its place until a thread discards it: with every thread hung the line
        # must not grow behind those who left.
        if job.take() and not job.future.done():
            job.future.set_exception(FullError())

    def _work(self) -> None:
        context = contextvars.copy_context()
        if self._prepare is not None:
            context.run(self._prepare)
        while (job := self._jobs.get()) is not None:
            result: Any = None
            error: Exception | None = None
            if job.take():
                try:
                    result = context.copy().run(job.work)
                except Exception as raised:  # noqa: BLE001 (raised again on the event loop)
                    error = raised
                except BaseException as raised:  # noqa: BLE001
                    # SystemExit of one request must end neither this thread nor the loop.
                    error = RuntimeError(f"A request raised {raised!r}")
                if isinstance(error, StopIteration):  # a future refuses it
                    error = RuntimeError("A request raised StopIteration")
            self._report(job, result, error)
            del job, result, error

    def _report(self, job: _Job, result: Any, error: Exception | None) -> None:
        self._done.append((job, result, error))
        # One wake-up serves all answers that gather before the loop comes round.
        if not self._waking:
            self._waking = True
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # Before the first popleft: an answer appended later then wakes the loop again.
        self._waking = False
        while self._done:
            job, result, error = self._done.popleft()
            self.pending -= 1
            if job.future.done():
                continue
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
