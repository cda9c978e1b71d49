"""How one component fared: the worst state of each slice of time, None where nothing is known.

Read from the figures collectors leave behind, so it reaches as far back as those are kept. What
collectors do not look at has no history, and nobody makes one up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from apps.core.errors import NotFoundError
from apps.core.timerange import TimeRange
from apps.monitoring.models import Probe
from apps.monitoring.queries import series
from apps.monitoring.queries.series import SeriesQuery

State = Literal["ok", "degraded", "down", "unknown"]
MOST_SLOTS: Final = 200
_COLLECTED: Final = {"postgresql": "postgresql", "redis": "redis"}
# Whatever was collected was sent by beat and done by a worker.
_RUNNING: Final = ("worker", "beat")
# States are shown elsewhere; over time nothing of them is kept.
_WITHOUT: Final = ("web", "intake")


@dataclass(frozen=True, slots=True)
class Slot:
    """One slice of time."""

    start: datetime
    status: State | None


@dataclass(frozen=True, slots=True)
class History:
    """Slots, oldest first. `kept` is False where no history of this component is kept at all."""

    key: str
    step_s: int
    slots: list[Slot]
    kept: bool


_Values = dict[datetime, float]


def history(key: str, time_range: TimeRange, slots: int) -> History:
    """About `slots` equal slices of the range. Raises NotFoundError for an unknown component."""
    step_s = max(1, -(-int(time_range.duration_s) // slots))
    read = _reader(key)
    if read is None:
        return History(key, step_s, [], kept=False)
    found: dict[datetime, State | None] = {}

    def ask(metric: str, aggregation: str, scope: dict[str, str]) -> _Values:
        lines = series.read(SeriesQuery(metric, aggregation, scope), time_range, step_s)
        points = [point for line in lines for point in line.points]
        for at, _ in points:
            found.setdefault(at, None)
        return {at: value for at, value in points if value is not None}

    found.update(read(ask))
    steps = sorted(found)
    if len(steps) > 1:
        step_s = int((steps[1] - steps[0]).total_seconds())
    return History(key, step_s, [Slot(at, found[at]) for at in steps], kept=True)


def is_kept(key: str) -> bool:
    """Whether this component, which there is, has a history. Asks nobody."""
    return key not in _WITHOUT and not key.startswith("service:")


_Ask = Callable[[str, str, dict[str, str]], _Values]
_Reader = Callable[[_Ask], dict[datetime, State]]


def _reader(key: str) -> _Reader | None:
    kind, _, name = key.partition(":")
    if kind == "probe" and Probe.objects.filter(name=name.replace("\0", "")).exists():
        return lambda ask: _probe(ask, {"httpcheck.name": name})
    if key in _COLLECTED:
        scope = {"collector.kind": _COLLECTED[key], "collector.target": "default"}
        return lambda ask: _collected(ask, scope)
    if key in _RUNNING:
        return lambda ask: dict.fromkeys(ask("pharos.collector.duration", "count", {}), "ok")
    if not is_kept(key):
        return None
    raise NotFoundError(f"There is no component {key[:100]!r}.")


def _probe(ask: _Ask, scope: dict[str, str]) -> dict[datetime, State]:
    states: dict[datetime, State] = {}
    # No answer at all says nothing of the service: the strip calls that unknown too.
    states.update(dict.fromkeys(ask("httpcheck.error", "count", scope), "unknown"))
    for at, worst in ask("httpcheck.status", "min", scope).items():
        if worst < 1:
            states[at] = "down"
        else:
            states.setdefault(at, "ok")
    return states


def _collected(ask: _Ask, scope: dict[str, str]) -> dict[datetime, State]:
    states: dict[datetime, State] = {}
    states.update(dict.fromkeys(ask("pharos.collector.duration", "count", scope), "ok"))
    failures = ask("pharos.collector.failures", "sum", scope)
    states.update({at: "unknown" for at, n in failures.items() if n > 0})
    return states
