"""Running collectors side by side: each has its own thread and time, and none waits for another."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, wait
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final

from apps.core.masking import mask_text
from apps.monitoring.collectors import claims
from apps.monitoring.collectors.base import CollectError, Collector, Reading, delta, gauge, samples
from apps.monitoring.collectors.claims import Result
from apps.monitoring.intake.commit import committer
from apps.monitoring.store.errors import StoreBusyError, StoreUnavailableError
from apps.monitoring.store.rows import Batch, Sample

logger = logging.getLogger(__name__)

DURATION: Final = gauge("pharos.collector.duration", "s")
LAG: Final = gauge("pharos.collector.lag", "s")
FAILURES: Final = delta("pharos.collector.failures", "{failure}")
# Healthy collectors are done by then: one commit for all of them.
_GATHER_S: Final = 0.3
_LONGEST_ERROR: Final = 500


@dataclass(eq=False)
class _Run:
    collector: Collector
    late_s: float
    began: float = field(default_factory=time.monotonic)
    time_ns: int = field(default_factory=time.time_ns)
    future: "Future[Reading]" = field(default_factory=Future)
    took_s: float | None = None

    @property
    def deadline(self) -> float:
        return self.began + self.collector.timeout_s

    def work(self) -> None:
        """The body of the thread."""
        try:
            reading = self.collector.read()
        except BaseException as error:  # noqa: BLE001 (told to whoever waits)
            self.took_s = time.monotonic() - self.began
            _leave(self)
            self.future.set_exception(error)
        else:
            self.took_s = time.monotonic() - self.began
            _leave(self)
            self.future.set_result(reading)


_lock = threading.Lock()
_active: dict[tuple[str, str], _Run] = {}
# What was said last of each, by this process.
_told: dict[tuple[str, str], str] = {}


def _leave(run: _Run) -> None:
    with _lock:
        _active.pop(run.collector.key, None)


def _start(collector: Collector, late_s: float) -> _Run | None:
    """A run, in a new thread unless it is `inside`; None while the former has not come back."""
    run = _Run(collector, late_s)
    with _lock:
        if collector.key in _active:
            return None
        _active[collector.key] = run
    if not collector.inside:
        threading.Thread(target=run.work, name=f"collect-{collector.kind}", daemon=True).start()
    return run


def collect(configured: Callable[[], Iterable[Collector]]) -> list[Result]:
    """Run what is due and ours; store what was read as soon as it is there.

    Returns how every claimed run ended. Raises Django's database errors when even the claims
    cannot be read.
    """
    runs: list[_Run] = []
    results: list[Result] = []
    for collector, late_s in claims.claim(list(configured())):
        run = _start(collector, late_s)
        if run is None:
            results.append(_still_waiting(collector))
        else:
            runs.append(run)
    claims.keep(results)
    for run in runs:
        if run.collector.inside:
            run.work()
    return results + _finish(runs)


def _finish(runs: list[_Run]) -> list[Result]:
    results: list[Result] = []
    pending = {run.future: run for run in runs}
    patience = _GATHER_S
    condition = ALL_COMPLETED
    while pending:
        left_s = max(min(run.deadline for run in pending.values()) - time.monotonic(), 0.0)
        wait(pending, timeout=min(left_s, patience), return_when=condition)
        now = time.monotonic()
        over = [run for f, run in pending.items() if f.done() or now >= run.deadline]
        for run in over:
            del pending[run.future]
        if over:
            results += _store(over)
        patience, condition = float("inf"), FIRST_COMPLETED
    return results


def _store(runs: Sequence[_Run]) -> list[Result]:
    batch = Batch()
    results = []
    for run in runs:
        result, rows = _outcome(run)
        results.append(result)
        batch.samples += rows
        if result.status == "ok":
            batch.samples += run.future.result().samples
            batch.histograms += run.future.result().histograms
    try:
        committer().ingest(batch)
    except (StoreBusyError, StoreUnavailableError) as error:
        # What was not kept was not collected.
        results = [
            Result(r.collector, "unknown", f"Its figures were not stored: {error}") for r in results
        ]
    claims.keep(results)
    # In a context of its own: what collectors do is not recorded, but this is to be kept.
    Context().run(_tell, results)
    return results


def _tell(results: Sequence[Result]) -> None:
    """Say in the log when a collector begins to fail or works again; not at every tick."""
    for result in results:
        key = result.collector.key
        if _told.get(key) == result.status:
            continue
        _told[key] = result.status
        if result.status == "ok":
            logger.info("The collector %s %s reads its figures", *key)
        else:
            logger.error("The collector %s %s is %s: %s", *key, result.status, result.error)


def _outcome(run: _Run) -> tuple[Result, list[Sample]]:
    collector = run.collector
    if not run.future.done():
        collector.abandon()
        error = f"No answer within {collector.timeout_s:g} s."
        return Result(collector, "unknown", error), _about(run, failed=True)
    failure = run.future.exception()
    took_ms = None if run.took_s is None else round(run.took_s * 1000, 2)
    if failure is None:
        reading = run.future.result()
        rows = samples(collector, reading.points, run.time_ns)
        result = Result(collector, "ok", "", reading.detail, took_ms)
        return result, rows + _about(run, failed=False)
    points = failure.points if isinstance(failure, CollectError) else []
    status = failure.status if isinstance(failure, CollectError) else "unknown"
    if not isinstance(failure, CollectError | OSError):
        logger.info("The collector %s could not read: %s", collector.kind, _masked(failure))
    rows = samples(collector, points, run.time_ns)
    # A target that is down was read all the same.
    about = _about(run, failed=status == "unknown")
    return Result(collector, status, _masked(failure), "", took_ms), rows + about


def _about(run: _Run, *, failed: bool) -> list[Sample]:
    """What the collector did, whatever it found."""
    found = Reading()
    attrs = {"collector__kind": run.collector.kind, "collector__target": run.collector.target}
    found.add(LAG, run.late_s, **attrs)
    found.add(DURATION, run.took_s, **attrs)
    if failed:
        found.add(FAILURES, 1, **attrs)
    return samples(run.collector, found.points, run.time_ns)


def _still_waiting(collector: Collector) -> Result:
    with _lock:
        run = _active.get(collector.key)
    waited_s = time.monotonic() - run.began if run else collector.timeout_s
    error = f"It has not come back for {waited_s:.0f} s."
    return Result(collector, "unknown", error)


def _masked(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    if not isinstance(error, CollectError):
        text = f"{type(error).__name__}: {text}"
    return mask_text(text.replace("\0", ""))[:_LONGEST_ERROR]
