"""The state of every part of the portal and of everything it watches.

Derived from what collectors found last, from health checks of this process and from the age of
what we know: knowledge too old to trust is "unknown", with the time since when.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core.health import registry
from apps.core.health.watch import State
from apps.monitoring.models import CollectorState, Probe
from apps.monitoring.queries.services import services
from apps.monitoring.store import identity

Status = Literal["ok", "degraded", "down", "unknown"]
Why = Literal["", "unheard", "idle", "unseen", "stale", "silent"]
# Resources are marked as seen every ten minutes.
_SERVICE_FRESH: Final = timedelta(minutes=15)
# What may pass beyond one interval: the tick, the timeout, the commit.
_GRACE_S: Final = 20.0
_ROLES: Final = (("web", _("Web")), ("worker", _("Worker")), ("beat", _("Beat")))
_MOST_SERVICES: Final = 50
_NOT_SEEN: Final = "It has not been looked at yet."


@dataclass(frozen=True, slots=True)
class Component:
    """One part and its state.

    `since`: when the status began. `checked_at`, `age_s`: the last look. All None when unknown.
    `why` names an `error` of ours, so that a page can say it in its reader's language.
    """

    key: str
    name: str
    status: Status
    since: datetime | None = None
    checked_at: datetime | None = None
    age_s: float | None = None
    detail: str = ""
    error: str = ""
    why: Why = ""


def components() -> list[Component]:
    """Every component: our processes, PostgreSQL, Redis, intake, probes, reporting services."""
    now = datetime.now(UTC)
    states = {(row.kind, row.target): row for row in CollectorState.objects.all()[:1000]}
    watched = {state.name: state for state in registry.read(wait_s=0)}
    return [
        *_processes(states.values(), watched, now),
        _server("postgresql", "PostgreSQL", states, watched.get("postgresql"), now),
        _server("redis", "Redis", states, watched.get("cache"), now),
        _intake(watched.get("intake"), now),
        *_probes(states, now),
        *_services(now),
    ]


def _processes(
    rows: Iterable[CollectorState], watched: Mapping[str, State], now: datetime
) -> list[Component]:
    rows = list(rows)
    ran = max((row.last_run for row in rows if row.last_run), default=None)
    fresh = ran is not None and (now - ran).total_seconds() <= _GRACE_S
    seen = {
        role
        for row in rows
        if row.kind == "process" and row.status == "ok" and _is_fresh(row, now)
        for role in row.detail.split(",")
    }
    answers = watched["celery"].status if "celery" in watched else "unknown"
    alive = {
        "web": "web" in seen or identity.role() == "web",
        # What was collected was sent by beat and done by a worker.
        "worker": fresh or answers == "ok",
        "beat": fresh or "beat" in seen,
    }
    age_s = None if ran is None else (now - ran).total_seconds()
    found = []
    for role, name in _ROLES:
        if alive[role]:
            found.append(Component(role, str(name), "ok", None, ran, age_s))
            continue
        status: Status = "unknown"
        why: Why
        error, why = "Nothing has been heard of it yet.", "unheard"
        if ran is not None and role != "web":
            error, why = f"No task has run for {age_s:.0f} s.", "idle"
            status = _silent(role, answers)
        found.append(Component(role, str(name), status, ran, ran, age_s, error=error, why=why))
    return found


def _silent(role: str, answers: str) -> Status:
    """Whose fault it is that nothing runs: who answers is not the one that is gone."""
    if answers == "down":
        return "down" if role == "worker" else "unknown"
    return "down" if role == "beat" and answers == "ok" else "unknown"


def _server(
    key: str,
    name: str,
    states: Mapping[tuple[str, str], CollectorState],
    watch: State | None,
    now: datetime,
) -> Component:
    found = _collected(key, name, states.get((key, "default")), now)
    if watch is None or watch.age_ms is None or watch.status not in ("ok", "down"):
        return found
    # This process has asked for itself, just now.
    age_s = watch.age_ms / 1000
    at = now - timedelta(seconds=age_s)
    if watch.status == "down":
        since = watch.last_ok or (found.since if found.status != "ok" else None)
        return Component(key, name, "down", since, at, age_s, found.detail, watch.error or "")
    if found.status == "unknown":
        return Component(key, name, "ok", None, at, age_s, found.detail, found.error, found.why)
    return found


def _collected(key: str, name: str, row: CollectorState | None, now: datetime) -> Component:
    if row is None or row.last_run is None:
        return Component(key, name, "unknown", error=_NOT_SEEN, why="unseen")
    age_s = (now - row.last_run).total_seconds()
    if not _is_fresh(row, now):
        error = f"Nothing is known since {row.last_run:%Y-%m-%d %H:%M:%S} UTC."
        return Component(
            key, name, "unknown", row.last_run, row.last_run, age_s, row.detail, error, "stale"
        )
    status: Status = "down" if row.status == "down" else "unknown"
    if row.status == "ok":
        status = "ok"
    return Component(key, name, status, row.since, row.last_run, age_s, row.detail, row.error)


def _is_fresh(row: CollectorState, now: datetime) -> bool:
    if row.last_run is None:
        return False
    return (now - row.last_run).total_seconds() <= row.interval_s + _GRACE_S


def _intake(watch: State | None, now: datetime) -> Component:
    if watch is None or watch.age_ms is None:
        return Component("intake", gettext("Intake"), "unknown", error=_NOT_SEEN, why="unseen")
    age_s = watch.age_ms / 1000
    since = watch.last_ok if watch.status == "down" else None
    at = now - timedelta(seconds=age_s)
    return Component(
        "intake", gettext("Intake"), watch.status, since, at, age_s, "", watch.error or ""
    )


def _probes(states: Mapping[tuple[str, str], CollectorState], now: datetime) -> Iterable[Component]:
    for name in Probe.objects.filter(enabled=True).values_list("name", flat=True)[:100]:
        yield _collected(f"probe:{name}", name, states.get(("httpcheck", name)), now)


def _services(now: datetime) -> Iterable[Component]:
    own = str(identity.own_resource().attrs["service.name"])
    others = [service for service in services() if service.name != own]
    for service in others[:_MOST_SERVICES]:
        age = now - service.last_seen
        fresh = age <= _SERVICE_FRESH
        yield Component(
            f"service:{service.name}",
            service.name,
            "ok" if fresh else "unknown",
            None if fresh else service.last_seen,
            service.last_seen,
            max(age.total_seconds(), 0.0),
            error="" if fresh else f"No telemetry since {service.last_seen:%Y-%m-%d %H:%M} UTC.",
            why="" if fresh else "silent",
        )
