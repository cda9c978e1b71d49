"""Scraping: the figures of targets that speak Prometheus' text format or OpenMetrics.

Each target is a collector, so one worker claims each scrape. A failed scrape says `up` 0 and
nothing else: what was not read is unknown.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from apps.core.sealed import Secret
from apps.core.vault import SealBrokenError
from apps.monitoring.collectors.base import CollectError, Collector, Point, Reading
from apps.monitoring.collectors.fetching import Answer, Fetcher
from apps.monitoring.models import ScrapeTarget
from apps.monitoring.prometheus import naming, protobuf
from apps.monitoring.prometheus.rows import Conversion, Memory
from apps.monitoring.prometheus.text import ExpositionError, Family, parse
from apps.monitoring.store.rows import Metric, Resource

_MOST_TARGETS: Final = 200
_MOST_BYTES: Final = 32 << 20
_ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.6,*/*;q=0.1"
)
_ACCEPT_NATIVE: Final = (
    f"{protobuf.MEDIA_TYPE};proto={protobuf.MESSAGE};encoding=delimited,{_ACCEPT}"
)
_OPEN: Final = "application/openmetrics-text"
UP: Final = naming.gauge("up")
DURATION: Final = naming.gauge("scrape_duration_seconds")
SCRAPED: Final = naming.gauge("scrape_samples_scraped")

_fetcher: Final = Fetcher()
_lock: Final = threading.Lock()
# What each target showed last; gone with the process, which then reads all labels once more.
_memories: "dict[tuple[str, str], tuple[Scrape, Memory]]" = {}


@dataclass(frozen=True)
class Scrape(Collector, kind="scrape"):
    """One target."""

    url: str = field(default="", repr=False)
    service: str = "unknown_service"
    labels: tuple[tuple[str, str], ...] = ()
    sample_limit: int = 20_000
    native_histograms: bool = False
    authorization: Secret | None = field(default=None, repr=False)

    @classmethod
    def configured(cls) -> "Iterable[Scrape]":
        targets = list(ScrapeTarget.objects.filter(enabled=True).order_by("pk")[:_MOST_TARGETS])
        _forget_others({(cls.kind, target.name) for target in targets})
        for target in targets:
            yield cls(
                target=target.name, interval_s=target.interval_s, timeout_s=target.timeout_s,
                url=target.url, service=target.service,
                labels=tuple(sorted(target.labels.items())), sample_limit=target.sample_limit,
                native_histograms=target.native_histograms,
                authorization=target.authorization,
            )  # fmt: skip

    def abandon(self) -> None:
        _fetcher.abandon(self.key)

    def resource(self) -> Resource:
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return _resource(self.service, f"{parts.hostname}:{port}")

    def read(self) -> Reading:
        began_ns, began = time.time_ns(), time.perf_counter()
        try:
            rows = self._rows(self._ask(), began_ns)
        except CollectError as error:
            took_s = time.perf_counter() - began
            error.points = [self._point(UP, 0.0), self._point(DURATION, took_s)]
            raise
        count = len(rows.samples) + len(rows.histograms)
        reading = Reading(detail=f"{count} series")
        if rows.refused:
            reason, n = rows.refused.most_common(1)[0]
            reading.detail += f", {rows.refused.total()} refused ({n}: {reason})"
        reading.samples, reading.histograms = rows.samples, rows.histograms
        reading.points = [
            self._point(UP, 1.0),
            self._point(DURATION, time.perf_counter() - began),
            self._point(SCRAPED, float(count)),
        ]
        return reading

    def _ask(self) -> Answer:
        accept = _ACCEPT_NATIVE if self.native_histograms else _ACCEPT
        headers = {"Accept": accept, "X-Prometheus-Scrape-Timeout-Seconds": f"{self.timeout_s:g}"}
        try:
            secret = self.authorization.reveal() if self.authorization else ""
        except SealBrokenError:
            raise CollectError("Its authorization was sealed with another key.") from None
        if secret:
            headers["Authorization"] = secret
        answer = _fetcher.get(
            self.key, self.url, headers, timeout_s=self.timeout_s, most_bytes=_MOST_BYTES
        )
        if answer.status != 200:
            raise CollectError(f"It answered {answer.status}; 200 was expected.")
        return answer

    def _families(self, answer: Answer) -> list[Family]:
        """What the answer shows. Raises CollectError."""
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if kind == protobuf.MEDIA_TYPE:
                return protobuf.parse(answer.body, most_samples=self.sample_limit)
            if kind not in (_OPEN, "text/plain", ""):
                raise CollectError(f"It answered with {kind[:80]}, which is no exposition format.")
            return parse(
                answer.body.decode(), open_metrics=kind == _OPEN, most_samples=self.sample_limit
            )
        except UnicodeDecodeError:
            raise CollectError("Its answer is not UTF-8.") from None
        except ExpositionError as error:
            raise CollectError(str(error)) from None

    def _rows(self, answer: Answer, time_ns: int) -> Conversion:
        families = self._families(answer)
        known = _memories.get(self.key)
        before = known[1] if known is not None and known[0] == self else {}
        conversion = Conversion(self.resource(), dict(self.labels), time_ns, before)
        for family in families:
            conversion.take(family)
        with _lock:
            _memories[self.key] = (self, conversion.memory)
        return conversion

    def _point(self, metric: Metric, value: float) -> Point:
        return Point(metric, value, dict(self.labels))


def _forget_others(keys: set[tuple[str, str]]) -> None:
    with _lock:
        for key in _memories.keys() - keys:
            del _memories[key]


_resources: dict[tuple[str, str], Resource] = {}


def _resource(service: str, instance: str) -> Resource:
    # The same object for the same target: series are remembered with it.
    key = (service, instance)
    if len(_resources) > 2 * _MOST_TARGETS:
        _resources.clear()
    return _resources.setdefault(
        key, Resource({"service.name": service, "service.instance.id": instance})
    )
