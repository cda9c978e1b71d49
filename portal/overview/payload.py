"""One message of the Overview: for the first load whole, for the live topic its newest end.

`{"service", "step_s", "start", "end", "newest_at", "tiles": {panel: number | null},
"panels": {panel: [{"name", "x": [ms], "y": [number | null]}]}, "slow": [panel], "components",
"alerts", "trouble"}`; whole it has "before" too: each tile one range earlier. Times are
milliseconds since 1970; null is unknown. It holds no words to translate, so that one message
serves every viewer.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.db import OperationalError
from psycopg.errors import QueryCanceled

from apps.alerts.queries import open_episodes, unhealthy_rules
from apps.core.charts import Line as Drawn
from apps.core.charts import Window
from apps.core.charts.window import tail
from apps.core.timerange import TimeRange
from apps.monitoring.queries.series import shared
from portal.overview.panels import PANELS, Panel
from portal.overview.reading import NOW_WINDOW_S, Line, Reader
from portal.overview.strip import components

T = TypeVar("T")
MOST_ALERTS: Final = 10
_MOST_LINES: Final = 8
_KEPT_S: Final = 2.0
_MOST_KEPT: Final = 32


def newest(service: str, step_s: int) -> dict[str, Any]:
    """The tail of every line and all else as it is now."""
    with shared():
        return _message(Reader(service, tail(step_s), step_s))


def whole(service: str, window: Window) -> dict[str, Any]:
    """The full range. Callers at the same moment share one computation."""
    key = (service, window)
    with _locks[hash(key) % len(_locks)]:
        kept = _kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < _KEPT_S:
            return kept[1]
        with shared():
            message = _whole(service, window)
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[key] = (time.monotonic(), message)
        return message


_kept: dict[tuple[str, Window], tuple[float, dict[str, Any]]] = {}
_locks = [threading.Lock() for _ in range(16)]


def _whole(service: str, window: Window) -> dict[str, Any]:
    now = None if window.live else window.readable
    message = _message(Reader(service, window.readable, window.step_s, now))
    message |= {"start": _ms(window.start), "end": _ms(window.end)}
    earlier = Reader(service, window.readable, window.step_s, _earlier(window))
    slow: list[str] = []
    message["before"] = {panel.key: _now(panel, earlier, slow) for panel in PANELS}
    return message


def _earlier(window: Window) -> TimeRange:
    """What the tiles are measured against: the same minute, or the same length, a range before."""
    span = window.readable
    if not window.live:
        return TimeRange(span.start - span.duration, span.start)
    end = span.end - span.duration
    return TimeRange(end - timedelta(seconds=NOW_WINDOW_S), end)


def _message(reader: Reader) -> dict[str, Any]:
    slow: list[str] = []
    panels = {panel.key: _panel(panel, reader, slow) for panel in PANELS}
    known = [ms for lines in panels.values() for line in lines for ms in _known(line)]
    return {
        "service": reader.service,
        "step_s": reader.step_s,
        "start": _ms(reader.time_range.start),
        "end": _ms(reader.time_range.end),
        "newest_at": max(known, default=None),
        "tiles": {panel.key: _now(panel, reader, slow) for panel in PANELS},
        "panels": panels,
        "slow": sorted(set(slow)),
        "components": components(),
        "alerts": [_alert(episode) for episode in open_episodes(MOST_ALERTS)],
        "trouble": [{"rule": rule.name, "since": _ms(rule.since), "error": rule.error}
                    for rule in unhealthy_rules(MOST_ALERTS)],
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


def drawn(message: dict[str, Any], key: str) -> list[Drawn]:
    """The lines of one panel of a message, to be made a figure."""
    return [Drawn(**line) for line in message["panels"][key]]
