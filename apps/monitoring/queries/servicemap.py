"""The map of services in a range: who asked whom, how often, how long it took, what failed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

from apps.core.timerange import TimeRange
from apps.monitoring.queries.selection import reader
from apps.monitoring.store import edges, histograms
from apps.monitoring.store.edges import Edge
from apps.monitoring.traces import aggregate, sampling

# Up to here minutes are read, beyond it whole hours.
_MINUTES_FOR: Final = timedelta(hours=6)
_MOST_ROWS: Final = 100_000
# What one picture can show; the rarest edges of more are left out, and counted.
MOST_EDGES: Final = 400
KINDS: Final = ("outside", "service", "database", "queue", "host")


@dataclass(frozen=True, slots=True)
class Node:
    """A service or another end of calls. `n`, `err` and `p95_s` are of the calls it took."""

    kind: str
    name: str
    n: int
    err: int
    p95_s: float | None

    @property
    def id(self) -> str:
        """Its name in edges: services and databases may be called alike."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Link:
    """Calls between two nodes, by their ids.

    `fan_out` is the number of calls for each trace that has any. `critical_share` is the part of
    the sampled traces' time spent waiting below such calls; None where no trace was looked into.
    """

    src: str
    dst: str
    n: int
    err: int
    p50_s: float | None
    p95_s: float | None
    fan_out: float
    critical_share: float | None


@dataclass(frozen=True, slots=True)
class ServiceMap:
    """Nodes and links, busiest first. `sampled` traces were looked into for critical paths.

    `start` and `end` say what was read: whole buckets. `left_out` counts links beyond the most.
    """

    nodes: list[Node]
    links: list[Link]
    start: datetime
    end: datetime
    sampled: int
    left_out: int


def read(time_range: TimeRange, *, sample: int = 0) -> ServiceMap:
    """The map of a range. With `sample`, so many traces are looked into for critical paths.

    Raises UnavailableError when reading takes too long.
    """
    table, width = _tier(time_range)
    start = _floor(time_range.start, width)
    with reader() as cursor:
        found = _merged(_rows(cursor, table, start, time_range.end))
    found.sort(key=lambda edge: -edge.state.count)
    shares, looked = _critical(time_range, sample)
    shown = found[:MOST_EDGES]
    return ServiceMap(
        _nodes(shown), [_link(edge, shares) for edge in shown], start, time_range.end, looked,
        len(found) - len(shown),
    )  # fmt: skip


def _tier(time_range: TimeRange) -> tuple[str, timedelta]:
    if time_range.end - time_range.start <= _MINUTES_FOR:
        return "tm_edge_1m", timedelta(minutes=1)
    return "tm_edge_1h", timedelta(hours=1)


def _floor(moment: datetime, width: timedelta) -> datetime:
    return moment - timedelta(seconds=moment.timestamp() % width.total_seconds())


def _rows(
    cursor: "psycopg.Cursor[Any]", table: str, start: datetime, end: datetime
) -> Iterable[Edge]:
    cursor.execute(
        sql.SQL(
            "SELECT {} FROM {} WHERE bucket >= %s AND bucket < %s ORDER BY n DESC LIMIT %s"
        ).format(sql.SQL(", ").join(map(sql.Identifier, edges.COLUMNS)), sql.Identifier(table)),
        [start, end, _MOST_ROWS],
    )
    return [edges.from_row(row) for row in cursor.fetchall()]


def _merged(found: Iterable[Edge]) -> list[Edge]:
    by_ends: dict[tuple[Any, ...], list[Edge]] = {}
    for edge in found:
        by_ends.setdefault(edge.ends, []).append(edge)
    return [edges.merged(parts) for parts in by_ends.values()]


def _nodes(found: Sequence[Edge]) -> list[Node]:
    taken: dict[tuple[int, str], list[Edge]] = {}
    for edge in found:
        taken.setdefault((edge.src_kind, edge.src), [])
        taken.setdefault((edge.dst_kind, edge.dst), []).append(edge)
    nodes = []
    for (kind, name), parts in taken.items():
        state = histograms.merge(part.state for part in parts) if parts else None
        nodes.append(
            Node(
                KINDS[kind], name, state.count if state else 0, sum(part.err for part in parts),
                histograms.quantile(state, 0.95) if state else None,
            )
        )  # fmt: skip
    return sorted(nodes, key=lambda node: (-node.n, node.id))


def _link(edge: Edge, shares: dict[tuple[str, str], float] | None) -> Link:
    share = None
    if shares is not None and edge.dst_kind == edges.SERVICE:
        share = shares.get((edge.src if edge.src_kind == edges.SERVICE else "", edge.dst), 0.0)
    return Link(
        f"{KINDS[edge.src_kind]}:{edge.src}", f"{KINDS[edge.dst_kind]}:{edge.dst}",
        edge.state.count, edge.err, histograms.quantile(edge.state, 0.5),
        histograms.quantile(edge.state, 0.95), edge.state.count / max(edge.traces, 1), share,
    )  # fmt: skip


def _critical(
    time_range: TimeRange, sample: int
) -> tuple[dict[tuple[str, str], float] | None, int]:
    if not sample:
        return None, 0
    traces = sampling.read([one for one, _ in sampling.pick(time_range, most=sample)])
    return (aggregate.between_services(traces), len(traces)) if traces else (None, 0)
