"""What every collector is: a small description of a target with one method, `read`."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, NamedTuple

from apps.monitoring.store.identity import own_resource
from apps.monitoring.store.rows import (
    Histogram,
    Kind,
    Metric,
    Resource,
    Sample,
    Series,
    Temporality,
)

COLLECTORS: dict[str, type["Collector"]] = {}
Attrs = Mapping[str, str]


class Point(NamedTuple):
    """One figure, before it has a time and a resource."""

    metric: Metric
    value: float
    attrs: Attrs = {}


@dataclass
class Reading:
    """What one run found: its points, and a few words about the target (its version, say).

    `samples` and `histograms` are rows already: of a target that names its own series and times.
    """

    points: list[Point] = field(default_factory=list)
    detail: str = ""
    samples: list[Sample] = field(default_factory=list)
    histograms: list[Histogram] = field(default_factory=list)

    def add(self, metric: Metric, value: float | None, **attrs: str) -> None:
        """Keep one figure; None is unknown and leaves no point."""
        if value is not None:
            self.points.append(
                Point(metric, float(value), {k.replace("__", "."): v for k, v in attrs.items()})
            )


class CollectError(Exception):
    """The target could not be read. `points` tell of the failure itself, never of the target."""

    status: ClassVar[str] = "unknown"

    def __init__(self, message: str, points: Iterable[Point] = ()) -> None:
        super().__init__(message)
        self.points = list(points)


class TargetDownError(CollectError):
    """The target was read, and is not well."""

    status = "down"


@dataclass(frozen=True)
class Collector(ABC):
    """Reads one target. `read` runs in a thread of its own, never twice at once in a process.

    With `inside` it reads Django's database only, and runs in the collecting task's thread, on its
    connection: a new thread would open one each time.
    """

    kind: ClassVar[str]
    inside: ClassVar[bool] = False
    target: str
    interval_s: float = 5.0
    timeout_s: float = 4.0

    def __init_subclass__(cls, *, kind: str = "", **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        # Without a kind it is only a base of others.
        if kind:
            cls.kind = kind
            COLLECTORS[kind] = cls

    @classmethod
    @abstractmethod
    def configured(cls) -> "Iterable[Collector]":
        """The collectors of this kind that should run now, from here."""

    @abstractmethod
    def read(self) -> Reading:
        """Read the target. Any exception means: unknown."""

    def abandon(self) -> None:  # noqa: B027 (most have nothing to let go of)
        """Called once a run is overdue, from another thread: let go of what it waits for."""

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.target

    def resource(self) -> Resource:
        """Whose figures these are. What is read over a network is nobody's host."""
        return _resource(f"{self.kind}:{self.target}")


@lru_cache(maxsize=512)
def _resource(instance: str) -> Resource:
    # The name of the portal, because they are its figures; not of the host that happened to ask.
    return Resource(
        {
            "service.name": str(own_resource().attrs["service.name"]),
            "service.instance.id": instance,
        }
    )


@lru_cache(maxsize=8192)
def _series(metric: Metric, resource: Resource, attrs: tuple[tuple[str, str], ...]) -> Series:
    return Series(metric, resource, dict(attrs))


def samples(collector: Collector, points: Iterable[Point], time_ns: int) -> list[Sample]:
    """The points of one run as rows for the intake."""
    resource = collector.resource()
    return [
        Sample(_series(metric, resource, tuple(sorted(attrs.items()))), time_ns, value)
        for metric, value, attrs in points
    ]


def gauge(name: str, unit: str = "1") -> Metric:
    """A value that goes up and down."""
    return Metric(name, unit, Kind.GAUGE)


def total(name: str, unit: str = "1") -> Metric:
    """A count since some start that only grows; rates are taken when it is read."""
    return Metric(name, unit, Kind.SUM, Temporality.CUMULATIVE, monotonic=True)


def delta(name: str, unit: str = "1") -> Metric:
    """What was added since the last point."""
    return Metric(name, unit, Kind.SUM, Temporality.DELTA, monotonic=True)
