"""Prometheus figures of all processes of this portal, in files which `/metrics` adds up."""

import contextlib
import fcntl
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from apps.core.embedded.home import Home
from apps.monitoring.recorder.exemplars import Exemplars, WithExemplars
from apps.monitoring.recorder.figurefiles import Counter, FigureFiles, Gauge, Histogram

if TYPE_CHECKING:
    from apps.monitoring.intake.commit import CommitStats

logger = logging.getLogger(__name__)

# The goals of 100, 200, 500 and 1000 ms are bounds, with room on both sides of each.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
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


class Figures:
    """The metrics of this process. Made by the flusher, on its first shipment."""

    def __init__(self) -> None:
        directory().mkdir(mode=0o700, parents=True, exist_ok=True)
        self.duration = Histogram(
            _files, _REQUESTS, "Time from the first middleware to the last byte.",
            ("path", "method", "status"), BUCKETS,
        )  # fmt: skip
        self.dropped = Counter(
            _files, "pharos_recorder_dropped", "Events and rows the recorder lost.", ("reason",)
        )
        self.rows = Counter(_files, "pharos_intake_rows", "Rows committed.")
        self.rejected = Counter(_files, "pharos_intake_rejected", "Rows refused.")
        self.failures = Counter(
            _files, "pharos_intake_failures", "Batches that could not be committed."
        )
        self.backlog = Gauge(
            _files, "pharos_recorder_backlog_rows", "Rows not yet known to be committed."
        )
        self.told: CommitStats | None = None


_files = FigureFiles(directory)
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
        figures.duration.observe(seconds, *labels)
        if exemplar is not None:
            _exemplars.note(labels, seconds, exemplar)


def publish() -> None:
    """Let the other processes see what is kept in memory till now."""
    if _get() is not None:
        with contextlib.suppress(OSError):
            _exemplars.write(directory(), _files.slot())


def dropped(reason: str, count: int) -> None:
    """Count what the recorder lost."""
    if (figures := _get()) is not None:
        figures.dropped.inc(count, reason)


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
    _files.after_fork()
    if _figures is not None:
        _figures.told = None


os.register_at_fork(after_in_child=_after_fork)
