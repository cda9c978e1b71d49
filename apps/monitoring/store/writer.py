"""One group of batches into PostgreSQL, in one transaction, over one connection of its own."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from apps.monitoring.store import connect, encode, overflow, partitions
from apps.monitoring.store.drops import Drops
from apps.monitoring.store.errors import StoreUnavailableError
from apps.monitoring.store.resolve import Identities
from apps.monitoring.store.rows import Batch, Outcome

logger = logging.getLogger(__name__)

STATEMENT_TIMEOUT_S: Final = 5.0
# One COPY holds so many rows at most: each has the statement timeout to itself.
_ROWS_A_COPY: Final = 20_000
_WINDOW_S: Final = 60.0
_FUTURE_US: Final = 3600 * 1_000_000
# How often a bad batch is cut in halves before what is left of it is refused whole.
_MOST_CUTS: Final = 256
# What each table's rows leave behind for rollups and the bottlenecks: kinds of tm_dirty.
_DIRTY: Final = {"tm_span": (5, 6, 8), "tm_sample": (1,), "tm_hist": (2,), "tm_log": (7,)}
# SQLSTATE classes that blame the data: cardinality, data, integrity, check option, size limits.
_BLAMES_DATA: Final = ("21", "22", "23", "44", "54")


@dataclass
class _Work:
    """One batch on its way: what is kept so far, and why rows were refused."""

    batch: Batch
    refused: Counter[str] = field(default_factory=Counter)
    overflow: int = 0

    def outcome(self) -> Outcome:
        lost = sum(self.refused.values())
        reasons = "; ".join(f"{text} ({n})" for text, n in self.refused.most_common(3))
        return Outcome(
            len(self.batch) - lost, lost, reasons, reasons=dict(self.refused),
            overflow=self.overflow,
        )  # fmt: skip


class Writer:
    """Writes groups. Not thread-safe. A broken connection is opened anew by the next write."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._ids = Identities()
        self._drops = Drops()
        self._windows: dict[str, encode.Window] = {}
        self._windows_until = 0.0

    @property
    def connected(self) -> bool:
        return self._connection is not None and not self._connection.closed

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._ids.forget()

    def write(self, batches: Sequence[Batch]) -> list[Outcome]:
        """What became of each batch, after COMMIT.

        Raises StoreUnavailableError when nothing can be said to be committed; a commit whose
        answer was lost counts as that too, and the retry is recognised by its key.
        """
        try:
            connection = self._open()
            self._refresh_windows(connection)
            return self._write(connection, self._drops.applied(connection, batches))
        except psycopg.Error as error:
            logger.debug("the group is not committed: %s", error)
            raise StoreUnavailableError from error

    def _write(
        self, connection: "psycopg.Connection[Any]", batches: Sequence[Batch]
    ) -> list[Outcome]:
        try:
            return self._transaction(connection, batches, careful=False)
        except Exception as error:
            if not _is_datas_fault(error, connection):
                raise
        if len(batches) > 1:
            return [outcome for batch in batches for outcome in self._write(connection, [batch])]
        return self._transaction(connection, batches, careful=True)

    def _transaction(
        self, connection: "psycopg.Connection[Any]", batches: Sequence[Batch], *, careful: bool
    ) -> list[Outcome]:
        try:
            with connection.transaction(), connection.cursor(binary=True) as cursor:
                new = self._claim(cursor, batches)
                work = [_Work(batch) for batch in batches if batch.key is None or batch.key in new]
                work = _first_of_each(work)
                if careful:
                    self._isolate(connection, cursor, work[0]) if work else None
                else:
                    self._store(cursor, work)
                self._ids.touch(cursor)
        except BaseException:
            self._ids.forget()
            raise
        self._ids.keep()
        return _answers(batches, work)

    @staticmethod
    def _claim(cursor: "psycopg.Cursor[Any]", batches: Sequence[Batch]) -> set[UUID]:
        """The keys no one has committed before."""
        keys = sorted({batch.key for batch in batches if batch.key is not None})
        if not keys:
            return set()
        cursor.execute(
            "INSERT INTO tm_ingest (hash) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING"
            " RETURNING hash",
            [keys],
        )
        return {row[0] for row in cursor.fetchall()}

    def _store(self, cursor: "psycopg.Cursor[Any]", work: Sequence[_Work]) -> None:
        """Resolve, encode and copy; refusals are counted in `work`."""
        spans = [row for w in work for row in w.batch.spans]
        logs = [row for w in work for row in w.batch.logs]
        resources = self._ids.resources(
            cursor, {row.resource for row in spans} | {row.resource for row in logs}
        )
        names = self._ids.names(cursor, {row.name for row in spans})
        series, over = self._ids.series(
            cursor,
            {row.series for w in work for row in w.batch.samples}
            | {row.series for w in work for row in w.batch.histograms},
        )
        ids = encode.Ids(resources, names, series)
        copies: dict[str, list[bytes]] = {table: [] for table in encode.COLUMNS}
        exemplars: list[bytes] = []
        dirty: set[tuple[int, int]] = set()
        for one in work:
            batch = one.batch
            if over:
                one.overflow = overflow.count(batch, series, over)
                batch = overflow.summed(batch, series, over)
            window = self._windows
            done = {
                "tm_span": encode.spans(batch.spans, ids, window["tm_span"]),
                "tm_log": encode.logs(batch.logs, ids, window["tm_log"]),
                "tm_sample": encode.samples(batch.samples, ids, window["tm_sample"]),
                "tm_hist": encode.histogram_points(batch.histograms, ids, window["tm_hist"]),
            }
            for table, encoded in done.items():
                copies[table] += encoded.rows
                exemplars += encoded.with_exemplars
                one.refused += encoded.refused
                kinds = _DIRTY.get(table, ())
                dirty.update((kind, minute) for kind in kinds for minute in encoded.minutes)
        for table, packed in copies.items():
            _copy(cursor, table, encode.COLUMNS[table], packed)
        _copy(cursor, "tm_sample", encode.SAMPLE_EXEMPLARS, exemplars)
        _journal(cursor, dirty)

    def _isolate(
        self, connection: "psycopg.Connection[Any]", cursor: "psycopg.Cursor[Any]", work: _Work
    ) -> None:
        """Store a batch PostgreSQL refused: cut it in halves until the bad rows stand alone."""
        pending, cuts = [work.batch], 0
        while pending:
            part = pending.pop()
            mark, one = self._ids.mark(), _Work(part)
            try:
                with connection.transaction():
                    self._store(cursor, [one])
                work.refused += one.refused
            except Exception as error:
                self._ids.reset(mark)
                if not _is_datas_fault(error, connection):
                    raise
                cuts += 1
                if len(part) == 1 or cuts > _MOST_CUTS:
                    work.refused[_reason(error)] += len(part)
                else:
                    pending += _halves(part)

    def _open(self) -> "psycopg.Connection[Any]":
        if self._connection is None or self._connection.closed:
            # The server may have been restored meanwhile: ids of before mean nothing.
            self._ids = Identities()
            self._connection = connect.open_connection(
                "pharos-intake", STATEMENT_TIMEOUT_S, autocommit=True
            )
            self._windows_until = 0.0
        return self._connection

    def _refresh_windows(self, connection: "psycopg.Connection[Any]") -> None:
        """What times each table takes: from its oldest partition to an hour from now."""
        now = datetime.now(UTC)
        horizon = _microseconds(now) + _FUTURE_US
        if time.monotonic() < self._windows_until:
            self._windows = {t: w._replace(high=horizon) for t, w in self._windows.items()}
            return
        spans = partitions.attached(connection)
        if any(_microseconds(spans[t][1]) < horizon for t in encode.COLUMNS if t in spans):
            # Nobody keeps the partitions ahead; refusing rows for that would lose them.
            partitions.ensure(now)
            spans = partitions.attached(connection)
        if any(t not in spans or spans[t][1] <= now for t in encode.COLUMNS):
            raise StoreUnavailableError
        self._windows = {
            t: encode.Window(_microseconds(spans[t][0]), horizon) for t in encode.COLUMNS
        }
        self._windows_until = time.monotonic() + _WINDOW_S


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 - encode.EPOCH_US


def _reason(error: Exception) -> str:
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return f"The store refused the row: {error.diag.message_primary}."
    return f"The row cannot be stored: {type(error).__name__}."


def _is_datas_fault(error: Exception, connection: "psycopg.Connection[Any]") -> bool:
    if not isinstance(error, psycopg.Error):
        # Ours or the row's: either way its neighbours in the group have no part in it.
        return not isinstance(error, StoreUnavailableError)
    if connection.closed or connection.info.transaction_status == TransactionStatus.UNKNOWN:
        return False
    return (error.sqlstate or "")[:2] in _BLAMES_DATA


def _first_of_each(work: Sequence[_Work]) -> list[_Work]:
    """Without batches whose key another batch of the group has."""
    seen: set[UUID] = set()
    kept = []
    for one in work:
        if one.batch.key is not None and one.batch.key in seen:
            continue
        seen.update({one.batch.key} if one.batch.key else ())
        kept.append(one)
    return kept


def _answers(batches: Sequence[Batch], work: Sequence[_Work]) -> list[Outcome]:
    fresh = {id(one.batch): one.outcome() for one in work}
    by_key = {one.batch.key: fresh[id(one.batch)] for one in work if one.batch.key}
    answers = []
    for batch in batches:
        outcome = fresh.get(id(batch))
        if outcome is None:
            first = by_key.get(batch.key) if batch.key else None
            outcome = (
                Outcome(first.accepted, first.rejected, first.message, duplicate=True)
                if first
                else Outcome(len(batch), duplicate=True)
            )
        answers.append(outcome)
    return answers


def _halves(batch: Batch) -> list[Batch]:
    """Two batches with the rows of one; by kind first, then down the middle."""
    fields = ("spans", "logs", "samples", "histograms")
    used = [name for name in fields if getattr(batch, name)]
    if len(used) > 1:
        return [Batch(**{name: getattr(batch, name)}) for name in used]
    rows = getattr(batch, used[0])
    middle = len(rows) // 2
    return [Batch(**{used[0]: rows[:middle]}), Batch(**{used[0]: rows[middle:]})]


def _copy(cursor: "psycopg.Cursor[Any]", table: str, columns: str, rows: list[bytes]) -> None:
    for at in range(0, len(rows), _ROWS_A_COPY):
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN BINARY") as copy:
            copy.write(encode.HEADER)
            copy.write(b"".join(rows[at : at + _ROWS_A_COPY]))
            copy.write(encode.TRAILER)


def _journal(cursor: "psycopg.Cursor[Any]", dirty: set[tuple[int, int]]) -> None:
    """Note which minutes have raw rows the rollups have not seen. Insert-only: writers never
    wait for each other or for the roller."""
    if not dirty:
        return
    ordered = sorted(dirty)
    cursor.execute(
        "INSERT INTO tm_dirty (kind, bucket) SELECT k, timestamptz '2000-01-01 00:00:00+00'"
        " + b * interval '1 microsecond' FROM unnest(%s::int2[], %s::int8[]) AS d(k, b)",
        [[kind for kind, _ in ordered], [minute for _, minute in ordered]],
    )
