"""Exemplars of `/metrics` across processes, which prometheus_client keeps in no file.

Each process writes the latest one of every bucket beside its figures, a few seconds apart; whoever
shows the figures attaches the newest.
"""

import contextlib
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

# Buckets of routes; beyond it new ones go without.
_MOST: Final = 2_000
# Older ones may lead to a trace that is gone.
_OLDEST_S: Final = 3_600.0
_ENDING: Final = ".exemplars.json"


class Exemplars:
    """The latest exemplar of each bucket of this process. Used by one thread."""

    def __init__(self, bounds: Iterable[float]) -> None:
        self._bounds = tuple(bounds)
        self._latest: dict[tuple[str, str, str, int], tuple[str, str, float, float]] = {}
        self._changed = False

    def note(self, labels: tuple[str, str, str], seconds: float, exemplar: dict[str, Any]) -> None:
        """Keep this one; `exemplar` is the store's shape."""
        key = (*labels, bisect_left(self._bounds, seconds))
        if key in self._latest or len(self._latest) < _MOST:
            found = (exemplar["trace_id"], exemplar["span_id"], seconds, exemplar["time_ns"] / 1e9)
            self._latest[key] = found
            self._changed = True

    def write(self, directory: Path, slot: str) -> None:
        """Put them where the others can read them, whole or not at all. Raises OSError."""
        if not self._changed:
            return
        self._changed = False
        path = directory / f"{slot}{_ENDING}"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(orjson.dumps([[*key, *value] for key, value in self._latest.items()]))
        fresh.replace(path)

    def forget(self) -> None:
        """A forked child begins with none."""
        self._latest.clear()


class WithExemplars:
    """A prometheus_client collector that adds exemplars to the buckets of one histogram."""

    def __init__(self, inner: Any, name: str, directory: Path, bounds: Iterable[float]) -> None:
        from prometheus_client.utils import floatToGoString

        self._inner, self._name, self._directory = inner, name, directory
        shown: Any = floatToGoString
        self._tops = [str(shown(top)) for top in (*bounds, float("inf"))]

    def collect(self) -> Iterator[Any]:
        """Every metric of `inner`."""
        for metric in self._inner.collect():
            if metric.name == self._name:
                self._attach(metric)
            yield metric

    def _attach(self, metric: Any) -> None:
        from prometheus_client.samples import Exemplar

        found = self._read()
        for at, sample in enumerate(metric.samples):
            labels = sample.labels
            if "le" not in labels:
                continue
            key = (labels["path"], labels["method"], labels["status"], labels["le"])
            if key in found:
                trace_id, span_id, value, time_s = found[key]
                ids = {"trace_id": trace_id, "span_id": span_id}
                metric.samples[at] = sample._replace(exemplar=Exemplar(ids, value, time_s))

    def _read(self) -> dict[tuple[str, str, str, str], tuple[str, str, float, float]]:
        """The newest of all processes, by bucket."""
        found: dict[tuple[str, str, str, str], tuple[str, str, float, float]] = {}
        oldest = time.time() - _OLDEST_S
        for path in self._directory.glob(f"*{_ENDING}"):
            rows: list[Any] = []
            # Gone or half of a former version: the figures are worth showing without.
            with contextlib.suppress(OSError, orjson.JSONDecodeError):
                rows = orjson.loads(path.read_bytes())
            for route, method, status, bucket, trace_id, span_id, value, time_s in rows:
                key = (route, method, status, self._tops[bucket])
                if time_s > oldest and (key not in found or found[key][3] < time_s):
                    found[key] = (trace_id, span_id, value, time_s)
        return found
