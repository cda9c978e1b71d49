"""One message of the Overview: for the first load whole, for the live topic its newest end.

`{"service", "range", "step_s", "start", "end", "newest_at", "tiles": {panel: number | null},
"panels": {panel: [{"name", "x": [ms], "y": [number | null]}]}, "slow": [panel], "components",
"alerts", "trouble"}`. Times are milliseconds since 1970; null is unknown. It holds no words to
translate, so that one message serves every viewer.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from django.db import OperationalError
from psycopg.errors import QueryCanceled

from apps.alerts.queries import open_episodes, unhealthy_rules
from apps.monitoring.queries.series import shared
from portal.overview.panels import PANELS, Panel
from portal.overview.ranges import Span
from portal.overview.reading import Line, Reader
from portal.overview.strip import components

T = TypeVar("T")
_MOST_ALERTS: Final = 10
_MOST_LINES: Final = 8
_KEPT_S: Final = 2.0
_MOST_KEPT: Final = 32


def newest(service: str, span: Span) -> dict[str, Any]:
    """The tail of every line and all else as it is now."""
    with shared():
        return _message(Reader(service, span.tail(), span.step_s), span)


def whole(service: str, span: Span) -> dict[str, Any]:
    """The full range. Callers at the same moment share one computation."""
    with _lock_of(service, span):
        kept = _kept.get((service, span.key))
        if kept is not None and time.monotonic() - kept[0] < _KEPT_S:
            return kept[1]
        with shared():
            message = _message(Reader(service, span.whole(), span.step_s), span)
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[service, span.key] = (time.monotonic(), message)
        return message


_kept: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
_locks = [threading.Lock() for _ in range(16)]


def _lock_of(service: str, span: Span) -> threading.Lock:
    return _locks[hash((service, span.key)) % len(_locks)]


def _message(reader: Reader, span: Span) -> dict[str, Any]:
    slow: list[str] = []
    panels = {panel.key: _panel(panel, reader, slow) for panel in PANELS}
    known = [ms for lines in panels.values() for line in lines for ms in _known(line)]
    return {
        "service": reader.service,
        "range": span.key,
        "step_s": span.step_s,
        "start": _ms(reader.time_range.start),
        "end": _ms(reader.time_range.end),
        "newest_at": max(known, default=None),
        "tiles": {panel.key: _now(panel, reader, slow) for panel in PANELS},
        "panels": panels,
        "slow": sorted(set(slow)),
        "components": components(),
        "alerts": [_alert(episode) for episode in open_episodes(_MOST_ALERTS)],
        "trouble": [{"rule": rule.name, "since": _ms(rule.since), "error": rule.error}
                    for rule in unhealthy_rules(_MOST_ALERTS)],
    }  # fmt: skip


def _panel(panel: Panel, reader: Reader, slow: list[str]) -> list[dict[str, Any]]:
    found = _in_time(panel, slow, panel.read, reader) or []
    return [drawn for line in found[:_MOST_LINES] if (drawn := _drawn(line)) is not None]


def _drawn(line: Line) -> dict[str, Any] | None:
    points = sorted(line.values.items())
    if all(value is None for _, value in points):
        return None
    return {
        "name": line.name,
        "x": [_ms(ts) for ts, _ in points],
        "y": [None if value is None else float(f"{value:.5g}") for _, value in points],
    }


def _known(line: dict[str, Any]) -> list[int]:
    return [ms for ms, value in zip(line["x"], line["y"], strict=True) if value is not None]


def _now(panel: Panel, reader: Reader, slow: list[str]) -> float | None:
    return _in_time(panel, slow, panel.now, reader)


def _in_time(panel: Panel, slow: list[str], ask: Callable[[Reader], T], reader: Reader) -> T | None:
    # One slow query spoils its own panel only; a database that is gone spoils all, and says so.
    try:
        return ask(reader)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        slow.append(panel.key)
        return None


def _alert(episode: Any) -> dict[str, Any]:
    return {
        "id": episode.id,
        "rule": episode.rule,
        "metric": episode.metric,
        "labels": episode.labels,
        "severity": episode.severity,
        "state": episode.state,
        "value": episode.value,
        "unit": episode.unit,
        "threshold": episode.threshold,
        "direction": episode.direction,
        "since": _ms(episode.since),
        "stale_since": None if episode.stale_since is None else _ms(episode.stale_since),
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
