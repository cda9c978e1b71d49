"""A policy as plain values: what an escalation keeps of it at its start."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from apps.alerts.models.escalation import EscalationPolicy, EscalationStep, StepKind
from apps.alerts.oncall.walltime import instant, wall_of

_TARGETS: Final = {
    StepKind.USER: "person", StepKind.TEAM: "team", StepKind.SCHEDULE: "schedule",
    StepKind.CHANNEL: "channel", StepKind.WEBHOOK: "channel",
}  # fmt: skip
PAGES: Final = frozenset({StepKind.USER, StepKind.TEAM, StepKind.SCHEDULE, StepKind.CHANNEL})
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `target`: the person, team, schedule or channel, by number (0: none) and name."""

    kind: StepKind
    wait_s: int = 0
    target: int = 0
    name: str = ""
    weekdays: tuple[int, ...] = ()
    from_time: time = time(0)
    until_time: time = time(0)
    zone: str = "UTC"
    more_than: int = 0
    within_s: int = 0
    repeats: int = 0

    def to_json(self) -> dict[str, Any]:
        """As kept in an escalation."""
        return {
            "kind": self.kind.value, "wait_s": self.wait_s, "target": self.target,
            "name": self.name, "weekdays": list(self.weekdays),
            "from_time": self.from_time.isoformat(), "until_time": self.until_time.isoformat(),
            "zone": self.zone, "more_than": self.more_than, "within_s": self.within_s,
            "repeats": self.repeats,
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        times = {name: time.fromisoformat(told[name]) for name in ("from_time", "until_time")}
        kind, weekdays = StepKind(told["kind"]), tuple(told["weekdays"])
        return cls(**{**told, **times, "kind": kind, "weekdays": weekdays})

    def opens_at(self, now: datetime) -> datetime:
        """For a time range: `now` inside it, else the instant at which it begins next."""
        zone = ZoneInfo(self.zone)
        today = wall_of(now, zone).date()
        # A range that began yesterday may last over midnight.
        for day in (today + n * _DAY for n in range(-1, 9)):
            if self.weekdays and day.weekday() not in self.weekdays:
                continue
            last = day if self.until_time > self.from_time else day + _DAY
            start = instant(datetime.combine(day, self.from_time), zone)
            end = instant(datetime.combine(last, self.until_time), zone)
            if now < end and start < end:
                return max(now, start)
        return now  # unreachable: every weekday comes within eight days


@dataclass(frozen=True, slots=True)
class Plan:
    """A policy as it was when an escalation began."""

    name: str
    steps: tuple[Step, ...]
    catch_all: int
    catch_all_name: str

    def to_json(self) -> dict[str, Any]:
        """As kept in an escalation."""
        return {
            "name": self.name,
            "steps": [step.to_json() for step in self.steps],
            "catch_all": self.catch_all,
            "catch_all_name": self.catch_all_name,
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**{**told, "steps": tuple(Step.from_json(one) for one in told["steps"])})


def plan_of(policy: EscalationPolicy) -> Plan:
    """A policy as it is now; two queries."""
    rows = policy.steps.select_related("person", "team", "schedule", "channel")
    return Plan(
        policy.name,
        tuple(step_of(row) for row in rows.order_by("position", "pk")),
        policy.catch_all_id,
        str(policy.catch_all),
    )


def step_of(row: EscalationStep) -> Step:
    """A row as a value."""
    kind = StepKind(row.kind)
    field = _TARGETS.get(kind)
    target = getattr(row, field) if field else None
    return Step(
        kind=kind,
        wait_s=row.wait_s if kind in PAGES or kind == StepKind.WAIT else 0,
        target=target.pk if target else 0,
        name=(target.get_username() if field == "person" else str(target)) if target else "",
        weekdays=tuple(sorted(row.weekdays)),
        from_time=row.from_time,
        until_time=row.until_time,
        zone=row.zone,
        more_than=row.more_than,
        within_s=row.within_s,
        repeats=row.repeats,
    )


def target_of(kind: str) -> str:
    """The name of the column that holds the target of a kind of step; "" where it has none."""
    return _TARGETS.get(StepKind(kind), "")
