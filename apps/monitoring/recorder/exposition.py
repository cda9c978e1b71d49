"""Prometheus figures of all processes of this portal, in files which `/metrics` adds up.

prometheus_client names its files by pid, so each restart leaves files behind for ever. Here a
process owns a slot (a locked file) and goes on where the slot's last owner stopped: counters
survive restarts, and there are never more files than processes that ran at once.
"""

import contextlib
import fcntl
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from apps.core.embedded.home import Home
from apps.monitoring.recorder.exemplars import Exemplars, WithExemplars

if TYPE_CHECKING:
    from apps.monitoring.intake.commit import CommitStats

logger = logging.getLogger(__name__)

# The goals of 100, 200, 500 and 1000 ms are bounds, with room on both sides of each.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
_MOST_SLOTS: Final = 256
_REQUESTS: Final = "api_request_duration_seconds"
_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"


def directory() -> Path:
    """Where the files are; `PROMETHEUS_MULTIPROC_DIR` moves it."""
    named = os.environ.get(_DIRECTORY)
    return Path(named) if named else Home.current().run_dir / "prometheus"


def clear() -> None:
    """Forget all figures. Only for a fresh start, while no process of the portal runs."""
    with contextlib.suppress(FileNotFoundError):
        for path in directory().iterdir():
            path.unlink()


class _Slot:
    """This process's slot; a forked child finds itself another."""

    def __init__(self) -> None:
        self._pid = 0
        self._handle = -1
        self._name = ""

    def name(self) -> str:
        """A number no other living process has."""
        if self._pid != os.getpid():
            self._take()
        return self._name

    def _take(self) -> None:
        if self._handle >= 0:
            # Inherited by fork: closing our copy leaves the parent its lock.
            os.close(self._handle)
            self._handle = -1
        for number in range(_MOST_SLOTS):
            handle = os.open(directory() / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            self._pid, self._handle, self._name = os.getpid(), handle, str(number)
            return
        raise OSError(f"more than {_MOST_SLOTS} processes share {directory()}")


class Figures:
    """The metrics of this process. Made by the flusher, on its first shipment."""

    def __init__(self) -> None:
        directory().mkdir(mode=0o700, parents=True, exist_ok=True)
        # prometheus_client reads it whenever it opens a file.
        os.environ.setdefault(_DIRECTORY, str(directory()))
        from prometheus_client import Counter, Gauge, Histogram, values

        values.ValueClass = values.MultiProcessValue(_slot.name)  # type: ignore[no-untyped-call]
        self.duration = Histogram(
            _REQUESTS, "Time from the first middleware to the last byte.",
            ("path", "method", "status"), buckets=BUCKETS, registry=None,
        )  # fmt: skip
        self.dropped = Counter(
            "pharos_recorder_dropped", "Events and rows the recorder lost.",
            ("reason",), registry=None,
        )  # fmt: skip
        self.rows = Counter("pharos_intake_rows", "Rows committed.", registry=None)
        self.rejected = Counter("pharos_intake_rejected", "Rows refused.", registry=None)
        self.failures = Counter(
            "pharos_intake_failures", "Batches that could not be committed.", registry=None
        )
        self.backlog = Gauge(
            "pharos_recorder_backlog_rows", "Rows not yet known to be committed.",
            registry=None, multiprocess_mode="livesum",
        )  # fmt: skip
        self.told: CommitStats | None = None


_slot = _Slot()
_figures: Figures | None = None
_exemplars = Exemplars(BUCKETS)
_broken = False


def _get() -> Figures | None:
    """None when the directory cannot be written; said once."""
    global _figures, _broken
    if _figures is None and not _broken:
        try:
            _figures = Figures()
        except OSError:
            _broken = True
            logger.warning("/metrics will lack this process: %s", directory(), exc_info=True)
    return _figures


def request(
    path: str, method: str, status: int, seconds: float, exemplar: dict[str, Any] | None = None
) -> None:
    """Count one finished request by its route template."""
    if (figures := _get()) is not None:
        labels = (path, method, str(status))
        figures.duration.labels(*labels).observe(seconds)
        if exemplar is not None:
            _exemplars.note(labels, seconds, exemplar)


def publish() -> None:
    """Let the other processes see what is kept in memory till now."""
    if _get() is not None:
        with contextlib.suppress(OSError):
            _exemplars.write(directory(), _slot.name())


def dropped(reason: str, count: int) -> None:
    """Count what the recorder lost."""
    if (figures := _get()) is not None:
        figures.dropped.labels(reason).inc(count)


def backlog(rows: int) -> None:
    """Tell how many rows wait."""
    if (figures := _get()) is not None:
        figures.backlog.set(rows)


def intake(stats: "CommitStats") -> None:
    """Take over the committer's totals of this process."""
    if (figures := _get()) is None:
        return
    told, figures.told = figures.told, stats
    for counter, name in (
        (figures.rows, "rows"), (figures.rejected, "rejected"), (figures.failures, "failures"),
    ):  # fmt: skip
        before = getattr(told, name) if told else 0
        counter.inc(max(getattr(stats, name) - before, 0))


def registry() -> Any:
    """All processes' figures as a prometheus_client registry."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    path = directory()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _forget_gauges_of_the_dead(path)
    found = CollectorRegistry()
    figures = MultiProcessCollector(None, str(path))  # type: ignore[no-untyped-call]
    found.register(WithExemplars(figures, _REQUESTS, path, BUCKETS))
    return found


def _forget_gauges_of_the_dead(path: Path) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    for lock in path.glob("*.lock"):
        handle = os.open(lock, os.O_RDWR)
        try:
            # A process that starts right now finds the slot taken, and takes another.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mark_process_dead(lock.stem, str(path))  # type: ignore[no-untyped-call]
        except BlockingIOError:
            continue
        finally:
            os.close(handle)


def _after_fork() -> None:
    # The parent's totals and open files are not ours; a new slot comes with the first figure.
    _exemplars.forget()
    if _figures is not None:
        _figures.told = None


os.register_at_fork(after_in_child=_after_fork)
