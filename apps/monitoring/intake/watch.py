"""The intake watches itself: what was stored, refused and lost, how late, and by whose clock.

Everything goes through the recorder, which is bounded and never blocks; labels have few values.
"""

import statistics
import threading
import time
from collections import OrderedDict, deque
from typing import Final

from apps.monitoring import recorder
from apps.monitoring.intake.reasons import reason_name
from apps.monitoring.intake.signals import Signal
from apps.monitoring.intake.work import Result

_MOST_SERVICES: Final = 200
_MOST_METRICS: Final = 100
_OTHER: Final = "(other)"
_REQUESTS: Final = 32
_TOLD_EVERY_S: Final = 10.0
_STATUS_REASONS: Final = {
    400: "malformed", 413: "too_large", 429: "quota", 503: "unavailable",
}  # fmt: skip


class Clocks:
    """Each service's clock against ours: the median over its last requests. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()
        self._told: dict[str, float] = {}

    def note(self, service: str, behind_s: float) -> float | None:
        """The median when it is time to tell it again; None otherwise."""
        now = time.monotonic()
        with self._lock:
            seen = self._seen.setdefault(service, deque(maxlen=_REQUESTS))
            seen.append(behind_s)
            self._seen.move_to_end(service)
            if len(self._seen) > _MOST_SERVICES:
                gone, _ = self._seen.popitem(last=False)
                self._told.pop(gone, None)
            if now - self._told.get(service, 0.0) < _TOLD_EVERY_S:
                return None
            self._told[service] = now
            return statistics.median(seen)


_clocks = Clocks()
_metrics: set[str] = set()


def stored(signal: Signal, sender: str, result: Result) -> None:
    """A request whose rows are committed."""
    name = signal.path.rpartition("/")[2]
    kept = "duplicate" if result.duplicate else "accepted"
    for state, items in ((kept, result.accepted), ("rejected", result.rejected)):
        if items:
            labels = {"signal": name, "state": state}
            recorder.count("pharos.intake.items", items, "{item}", labels)
    if result.overflow:
        recorder.count("pharos.intake.overflow", result.overflow, "{data_point}")
    by_metric = dict.fromkeys(result.reasons, 0)
    for reason, metric, items in result.metrics:
        by_metric[reason] = by_metric.get(reason, 0) + items
        _reject(name, sender, reason_name(reason), items, _bounded(metric))
    for reason, items in result.reasons.items():
        if items > by_metric[reason]:
            _reject(name, sender, reason_name(reason), items - by_metric[reason])
    if result.lag_s is not None:
        recorder.observe("pharos.intake.lag", result.lag_s, {"signal": name})
    for service, behind_s in result.clocks.items():
        median_s = _clocks.note(service, behind_s)
        if median_s is not None:
            labels = {"sender.service": service}
            recorder.gauge("pharos.intake.clock_skew", median_s, "s", labels)


def refused(signal: Signal, sender: str, status: int) -> None:
    """A whole request that was turned away: how many items it had is not known."""
    labels = {
        "signal": signal.path.rpartition("/")[2],
        "reason": _STATUS_REASONS.get(status, "other"),
        "sender": sender,
    }
    recorder.count("pharos.intake.refused", 1, "{request}", labels)


def _reject(signal: str, sender: str, reason: str, items: int, metric: str = "") -> None:
    labels = {"signal": signal, "reason": reason, "sender": sender}
    if metric:
        labels["metric"] = metric
    recorder.count("pharos.intake.rejected_items", items, "{item}", labels)


def _bounded(metric: str) -> str:
    if metric in _metrics or len(_metrics) < _MOST_METRICS:
        _metrics.add(metric)
        return metric
    return _OTHER
