"""Metrics as differences per minute, for receivers that take nothing else.

The rollups hold what every series gained in every minute, with resets and the border between two
minutes accounted for, whichever process took the points in. So one task reads finished minutes from
there, in order, and moves a cursor after each minute that was taken: nothing is lost while the
receiver is away (up to an hour), and a minute may arrive twice when a worker dies between sending
and moving on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from apps.monitoring.forward.base import METRICS, Kind
from apps.monitoring.forward.sender import Sender
from apps.monitoring.store import connect, fold
from apps.monitoring.store.histograms import State
from apps.monitoring.store.rows import (
    Batch,
    Histogram,
    Metric,
    Resource,
    Sample,
    Series,
    Temporality,
)
from apps.monitoring.store.rows import Kind as MetricKind

MINUTE: Final = timedelta(minutes=1)
# Points that come later than this after their minute are not sent on.
SETTLE: Final = timedelta(seconds=90)
# A counter's last point may lie so far back; beyond it the difference is unknown.
_BACK: Final = timedelta(minutes=10)
MOST_BEHIND: Final = timedelta(hours=1)
_AT_ONCE: Final = 5_000
_LOCK_KEY: Final = 0x6D69_6E75  # "minu"
_INT8_ARRAY: Final = 1016  # the oid of int8[]


@dataclass(frozen=True)
class Sent:
    """How far one run came; `error` says what stopped it."""

    until: datetime
    minutes: int = 0
    error: str = ""


def send(sender: Sender, since: datetime | None, now: datetime) -> Sent | None:
    """Send every finished minute from the cursor on. None when another worker does so already.

    `since` counts where no cursor was kept yet. It is read and moved under the lock: another
    worker that comes right after would send the same minutes once more, and they would add up.
    """
    with connect.open_connection("pharos-minutes", 20, autocommit=True) as connection:
        row = connection.execute(
            "SELECT pg_try_advisory_lock(%s, %s)", [_LOCK_KEY, sender.setup.pk]
        ).fetchone()
        if not row or not row[0]:
            return None
        end = _finished(connection, now)
        since = _cursor(connection, sender.setup.pk) or since
        begin = max(since or end - MINUTE, end - MOST_BEHIND)
        minutes, error = 0, ""
        while begin < end and not error:
            error = _send_minute(connection, sender, begin)
            if not error:
                begin, minutes = begin + MINUTE, minutes + 1
                _move(connection, sender.setup.pk, begin)
        return Sent(begin, minutes, error)


def _cursor(connection: "psycopg.Connection[Any]", pk: int) -> datetime | None:
    row = connection.execute(
        "SELECT minutes_until FROM monitoring_destination WHERE id = %s", [pk]
    ).fetchone()
    return row[0] if row else None


def _move(connection: "psycopg.Connection[Any]", pk: int, until: datetime) -> None:
    connection.execute(
        "UPDATE monitoring_destination SET minutes_until = %s WHERE id = %s", [until, pk]
    )


def _finished(connection: "psycopg.Connection[Any]", now: datetime) -> datetime:
    """The end of the last minute whose rollup is complete."""
    settled = now - SETTLE
    end = settled.replace(second=0, microsecond=0)
    row = connection.execute(
        "SELECT min(bucket) FROM tm_dirty WHERE kind IN (1, 2) AND bucket >= %s AND bucket < %s",
        [end - MOST_BEHIND, end],
    ).fetchone()
    behind: datetime | None = row[0] if row else None
    return min(end, behind.astimezone(UTC)) if behind else end


def _send_minute(connection: "psycopg.Connection[Any]", sender: Sender, minute: datetime) -> str:
    kind = Kind.registry[sender.setup.kind]
    rows = _rows(connection, minute)
    while some := list(islice(rows, _AT_ONCE)):
        batch = Batch(
            samples=[row for row in some if isinstance(row, Sample)],
            histograms=[row for row in some if isinstance(row, Histogram)],
        )
        for parcel in kind.parcels([batch], [METRICS]):
            verdict = sender.post(parcel)
            sender.tell(METRICS, verdict)
            if verdict.again is not None:
                return verdict.reason
    return ""


def _rows(connection: "psycopg.Connection[Any]", minute: datetime) -> Iterator[Sample | Histogram]:
    """Every series' row of one minute, a part at a time."""
    ids = [
        row[0]
        for row in connection.execute(
            "SELECT series_id FROM tm_sample_1m WHERE bucket = %(minute)s"
            " UNION SELECT series_id FROM tm_hist_1m WHERE bucket = %(minute)s ORDER BY 1",
            {"minute": minute},
        )
    ]
    for first in range(0, len(ids), _AT_ONCE):
        part = ids[first : first + _AT_ONCE]
        series = _series(connection, part)
        yield from _samples(connection, part, series, minute)
        yield from _histograms(connection, part, series, minute)


def _series(connection: "psycopg.Connection[Any]", ids: Sequence[int]) -> dict[int, Series]:
    statement = (
        "SELECT s.id, m.name, m.unit, m.kind, m.temporality, m.monotonic, m.description,"
        " r.attrs AS owner, s.attrs FROM tm_series s JOIN tm_metric m ON m.id = s.metric_id"
        " JOIN tm_resource r ON r.id = s.resource_id WHERE s.id = ANY(%s)"
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return {
            row["id"]: Series(
                Metric(
                    row["name"], row["unit"], MetricKind(row["kind"]),
                    Temporality(row["temporality"]), row["monotonic"], row["description"],
                ),
                Resource(row["owner"]), row["attrs"],
            )
            for row in cursor.execute(statement, [ids])
        }  # fmt: skip


def _as(series: Series, kind: MetricKind, temporality: Temporality) -> Series:
    of = series.metric
    rises = kind is MetricKind.SUM
    return Series(
        Metric(of.name, of.unit, kind, temporality, rises, of.description), series.resource,
        series.attrs,
    )  # fmt: skip


def _samples(
    connection: "psycopg.Connection[Any]", ids: Sequence[int], series: dict[int, Series],
    minute: datetime,
) -> Iterator[Sample]:  # fmt: skip
    partials = sql.SQL(
        "SELECT {} FROM tm_sample_1m WHERE series_id = ANY(%(ids)s)"
        " AND bucket >= %(back)s AND bucket <= %(minute)s"
    ).format(sql.SQL(fold.PARTIAL))
    folded = fold.fold_sql(partials, sql.SQL("bucket"), local=False)
    statement = sql.SQL(
        "SELECT series_id, sum, last, increase FROM ({}) f WHERE bucket = %(minute)s"
    ).format(folded)
    values = {"ids": ids, "back": minute - _BACK, "minute": minute, "horizon": minute}
    start_ns, end_ns = _ns(minute), _ns(minute + MINUTE)
    for series_id, total, last, increase in connection.execute(statement, values):
        of = series.get(series_id)
        if of is None:
            continue
        if of.metric.kind is MetricKind.SUM and of.metric.monotonic:
            delta = of.metric.temporality is Temporality.DELTA
            gain = _as(of, MetricKind.SUM, Temporality.DELTA)
            yield Sample(gain, end_ns, total if delta else increase, start_ns)
        else:
            # What rises and falls is told as it stands.
            yield Sample(_as(of, MetricKind.GAUGE, Temporality.NONE), end_ns, last)


def _histograms(
    connection: "psycopg.Connection[Any]", ids: Sequence[int], series: dict[int, Series],
    minute: datetime,
) -> Iterator[Histogram]:  # fmt: skip
    statement = sql.SQL(
        "SELECT {} FROM tm_hist_1m WHERE series_id = ANY(%s) AND bucket >= %s AND bucket <= %s"
        " ORDER BY series_id, bucket"
    ).format(sql.SQL(fold.ROLLUP_COLUMNS))
    with connection.cursor(binary=True) as cursor:
        cursor.adapters.register_loader(_INT8_ARRAY, fold.ArrayLoader)
        cursor.execute(statement, [ids, minute - _BACK, minute])
        chains = fold.by_series(fold.from_rollup_row(row) for row in cursor)
    for series_id, partials in chains.items():
        of = series.get(series_id)
        gains = [state for bucket, state in fold.chain(partials, minute) if bucket == minute]
        if of is not None and gains and gains[0].count:
            yield _histogram(_as(of, MetricKind.HISTOGRAM, Temporality.DELTA), gains[0], minute)


def _histogram(of: Series, state: State, minute: datetime) -> Histogram:
    return Histogram(
        of, _ns(minute), _ns(minute + MINUTE), state.count, state.sum, state.min, state.max,
        state.scale, state.zero, state.positive.offset, state.positive.counts.tolist(),
        state.negative.offset, state.negative.counts.tolist(), state.bounds,
    )  # fmt: skip


def _ns(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
