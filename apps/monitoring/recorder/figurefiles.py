"""Figures of one process in files, in the format prometheus_client's collector adds up.

prometheus_client's own metrics choose their files through a variable of the environment and a
class that holds for the whole process: whoever else counts with it here would lose exemplars to
that, and write into our files. So ours are written without its metrics.

Its files are named by pid, so each restart leaves files behind for ever. Here a process owns a slot
(a locked file) and goes on where the slot's last owner stopped: counters survive restarts, and
there are never more files than processes that ran at once.
"""

import fcntl
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

_MOST_SLOTS: Final = 256
_COUNTER: Final = "counter"
_HISTOGRAM: Final = "histogram"
# The mode in which a gauge is summed over the processes that live.
_GAUGE: Final = "gauge_livesum"


class FigureFiles:
    """The files of this process, found again after a fork. Safe in threads."""

    def __init__(self, directory: Callable[[], Path]) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._pid = 0
        self._handle = -1
        self._slot = ""
        self._files: dict[str, Any] = {}

    def slot(self) -> str:
        """A number no other living process has. Raises OSError."""
        with self._lock:
            self._own()
            return self._slot

    def after_fork(self) -> None:
        """In the child: the parent may have held the lock."""
        self._lock = threading.Lock()

    def add(self, kind: str, key: str, amount: float) -> None:
        """Count a figure up."""
        with self._lock:
            file = self._file(kind)
            file.write_value(key, file.read_value(key)[0] + amount, 0.0)

    def put(self, kind: str, key: str, value: float) -> None:
        """Set a figure."""
        with self._lock:
            self._file(kind).write_value(key, value, 0.0)

    def show(self, kind: str, keys: Sequence[str]) -> None:
        """Let figures be there as 0 where nothing was counted yet."""
        with self._lock:
            file = self._file(kind)
            for key in keys:
                file.read_value(key)

    def _file(self, kind: str) -> Any:
        from prometheus_client.mmap_dict import MmapedDict

        self._own()
        if kind not in self._files:
            path = self._directory() / f"{kind}_{self._slot}.db"
            make: Any = MmapedDict
            self._files[kind] = make(str(path))
        return self._files[kind]

    def _own(self) -> None:
        if self._pid == os.getpid():
            return
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._handle >= 0:
            # Inherited by fork: closing our copy leaves the parent its lock.
            os.close(self._handle)
            self._handle = -1
        for number in range(_MOST_SLOTS):
            path = self._directory() / f"{number}.lock"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            self._pid, self._handle, self._slot = os.getpid(), handle, str(number)
            return
        raise OSError(f"more than {_MOST_SLOTS} processes share {self._directory()}")


class _Metric:
    """A name, its help, and the keys of its figures."""

    def __init__(
        self, files: FigureFiles, name: str, about: str, label_names: tuple[str, ...] = ()
    ) -> None:
        self._files, self._name, self._about, self._label_names = files, name, about, label_names

    def _key(self, ending: str, labels: tuple[str, ...], **more: str) -> str:
        from prometheus_client.mmap_dict import mmap_key

        return mmap_key(
            self._name, self._name + ending, [*self._label_names, *more],
            [*labels, *more.values()], self._about,
        )  # fmt: skip


class Counter(_Metric):
    """Only goes up; summed over the processes of all times."""

    def __init__(
        self, files: FigureFiles, name: str, about: str, label_names: tuple[str, ...] = ()
    ) -> None:
        super().__init__(files, name, about, label_names)
        if not label_names:
            files.show(_COUNTER, [self._key("_total", ())])

    def inc(self, amount: float = 1, *labels: str) -> None:
        """Count up."""
        self._files.add(_COUNTER, self._key("_total", labels), amount)


class Gauge(_Metric):
    """Summed over the processes that live."""

    def set(self, value: float) -> None:
        """Say how it stands."""
        self._files.put(_GAUGE, self._key("", ()), value)


class Histogram(_Metric):
    """Counts by bucket; summed over the processes of all times."""

    def __init__(
        self, files: FigureFiles, name: str, about: str, label_names: tuple[str, ...],
        bounds: Sequence[float],
    ) -> None:  # fmt: skip
        super().__init__(files, name, about, label_names)
        self._bounds = tuple(bounds)
        # The sum's key and the buckets' by labels, and the process that has shown them.
        self._known: dict[tuple[str, ...], tuple[int, str, list[str]]] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Count one value."""
        found = self._known.get(labels)
        if found is None or found[0] != os.getpid():
            found = self._known[labels] = self._new(labels)
        _, total, buckets = found
        self._files.add(_HISTOGRAM, total, value)
        self._files.add(_HISTOGRAM, buckets[bisect_left(self._bounds, value)], 1)

    def _new(self, labels: tuple[str, ...]) -> tuple[int, str, list[str]]:
        from prometheus_client.utils import floatToGoString

        shown: Any = floatToGoString
        total = self._key("_sum", labels)
        buckets = [
            self._key("_bucket", labels, le=shown(top)) for top in (*self._bounds, float("inf"))
        ]
        self._files.show(_HISTOGRAM, [total, *buckets])
        return os.getpid(), total, buckets
