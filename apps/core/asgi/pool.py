"""A bounded pool of threads that answers to one event loop."""

import asyncio
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

# The line moves too slowly once its first has waited this long: newcomers are refused at once.
_SLOW_S: Final = 1.0
# Nobody waits longer than this.
_WAIT_S: Final = 3.0
_SWEEP_S: Final = 0.25


class FullError(Exception):
    """No thread and no place to wait is free, or none became free in time."""


class _Job:
    __slots__ = ("future", "since", "work")

    def __init__(self, work: Callable[[], Any], future: asyncio.Future[Any], since: float) -> None:
        self.work = work
        self.future = future
        self.since = since


class Pool:
    """`threads` at work and a line in front of them, bounded in number and in time.

    Newcomers are refused when `waiting` are in line or the first of them has waited `slow_s`; a
    count alone would either refuse bursts of quick requests or let slow ones queue for seconds.

    All methods belong to the event loop's thread. Each job runs in a context of its own, so
    context variables do not leak from one request into the next; what `prepare` sets in a new
    thread is seen by all its jobs.
    """

    def __init__(
        self,
        threads: int,
        waiting: int,
        *,
        slow_s: float = _SLOW_S,
        wait_s: float = _WAIT_S,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.threads = threads
        self._capacity = threads + waiting
        self._slow_s = slow_s
        self._wait_s = wait_s
        self._prepare = prepare
        # Taking a job from the deque is what decides who deals with it: a thread or the sweep.
        self._jobs: deque[_Job | None] = deque()
        # A stack: the thread that ran last has the warmest caches.
        self._idle: list[threading.Lock] = []
        self._done: deque[tuple[_Job, Any, Exception | None]] = deque()
        self._rousing = False
        self._waking = False
        self._sweeping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.pending = 0

    @property
    def full(self) -> bool:
        """Whether one more job would be refused."""
        if self.pending < self.threads:
            return False
        return self.pending >= self._capacity or self._first_waited_s() > self._slow_s

    async def run(self, work: Callable[[], Any]) -> Any:
        """What `work` returns or raises, run in a thread. Raises FullError at once when full."""
        if self.full:
            raise FullError
        loop = self._loop or self._start()
        job = _Job(work, loop.create_future(), time.monotonic())
        if self.pending >= self.threads and not self._sweeping:
            self._sweeping = True
            loop.call_later(_SWEEP_S, self._sweep)
        self.pending += 1
        self._put(job)
        return await job.future

    async def drain(self, timeout_s: float) -> bool:
        """Wait for the running jobs, then end the threads; False when time ran out."""
        deadline = time.monotonic() + timeout_s
        while self.pending and time.monotonic() < deadline:  # noqa: ASYNC110 (once, at the end)
            await asyncio.sleep(0.05)
        for _ in range(self.threads if self._loop else 0):
            self._put(None)
        return not self.pending

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        for number in range(self.threads):
            # Daemons: a hung request must not keep the process from ending.
            threading.Thread(target=self._work, name=f"web-{number}", daemon=True).start()
        return self._loop

    def _put(self, job: _Job | None) -> None:
        self._jobs.append(job)
        self._rouse()

    def _rouse(self) -> None:
        """Wake one idle thread, unless one is waking up already: that one rouses the next.

        Threads that only compute cannot run side by side, so waking all of them for a burst would
        just make them quarrel for the interpreter.
        """
        if self._rousing:
            return
        try:
            wake = self._idle.pop()
        except IndexError:
            return  # all are at work and will look for the next job themselves
        self._rousing = True
        wake.release()

    def _first_waited_s(self) -> float:
        try:
            first = self._jobs[0]
        except IndexError:
            return 0.0
        return time.monotonic() - first.since if first is not None else 0.0

    def _sweep(self) -> None:
        while self._first_waited_s() > self._wait_s:
            try:
                job = self._jobs.popleft()
            except IndexError:
                break
            if job is None or time.monotonic() - job.since <= self._wait_s:
                # A thread took the late one meanwhile: this one keeps its place.
                self._jobs.appendleft(job)
                break
            self.pending -= 1
            if not job.future.done():
                job.future.set_exception(FullError())
        self._sweeping = bool(self._jobs)
        if self._sweeping:
            assert self._loop is not None
            self._loop.call_later(_SWEEP_S, self._sweep)

    def _next(self, wake: threading.Lock) -> _Job | None:
        roused = False
        while True:
            try:
                job = self._jobs.popleft()
            except IndexError:
                self._idle.append(wake)
            else:
                if roused:
                    # First this, then the look at the line: whoever puts a job does it in the
                    # other order, so one of the two sees the other.
                    self._rousing = False
                    if self._jobs:
                        self._rouse()
                return job
            if roused:
                roused = self._rousing = False
            if self._jobs:
                # It was put before this thread was known to be idle, so nobody may wake us for it.
                try:
                    self._idle.remove(wake)
                    continue
                except ValueError:
                    pass  # or somebody did
            wake.acquire()
            roused = True

    def _work(self) -> None:
        context = contextvars.copy_context()
        if self._prepare is not None:
            context.run(self._prepare)
        wake = threading.Lock()
        wake.acquire()
        while (job := self._next(wake)) is not None:
            result: Any = None
            error: Exception | None = None
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
