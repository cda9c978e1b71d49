"""Ids of resources, names, metrics and series: cached in the process, made in the transaction.

Ids made in a transaction enter the cache only once it is committed (`keep`); a rollback forgets
them (`forget`). All inserts are sorted by their unique key and run in one order of tables, so two
processes that make the same identities wait for each other instead of deadlocking.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import psycopg

from apps.monitoring.store.clean import json_bytes, text
from apps.monitoring.store.rows import Metric, Resource, Series

Cursor = psycopg.Cursor[Any]

SETS_PER_METRIC: Final = 2000
_MOST_CACHED: Final = 200_000
# How often last_seen is brought up to date, and when an idle entry is looked up anew (it may have
# been pruned meanwhile).
_TOUCH_S: Final = 600.0
_IDLE_S: Final = 3600.0
# A btree key holds at most a third of a page.
_LONGEST_NAME: Final = 600
OVERFLOW: Final = {"otel.metric.overflow": True}


@dataclass
class _Cache:
    """Key → [id, when last_seen was written (monotonic seconds)] of one table, bounded."""

    table: str
    known: dict[Any, list[float]] = field(default_factory=dict)
    fresh: dict[Any, list[float]] = field(default_factory=dict)
    touched: list[list[float]] = field(default_factory=list)

    def get(self, key: object) -> int | None:
        entry = self.fresh.get(key) or self.known.get(key)
        if entry is None:
            return None
        age_s = time.monotonic() - entry[1]
        if age_s > _TOUCH_S:
            if age_s > _IDLE_S:
                return None
            self.touched.append(entry)
        return int(entry[0])

    def add(self, key: object, number: int) -> None:
        self.fresh[key] = [number, time.monotonic()]

    def keep(self) -> None:
        if len(self.known) + len(self.fresh) > _MOST_CACHED:
            self.known.clear()
        self.known.update(self.fresh)
        now = time.monotonic()
        for entry in self.touched:
            entry[1] = now
        self.forget()

    def forget(self) -> None:
        self.fresh = {}
        self.touched = []


class Identities:
    """The identities one writer has met. Not thread-safe: one per connection."""

    def __init__(self) -> None:
        self._resources = _Cache("tm_resource")
        self._names = _Cache("tm_name")
        self._metrics = _Cache("tm_metric")
        self._series = _Cache("tm_series")
        self._caches = (self._resources, self._names, self._metrics, self._series)

    def keep(self) -> None:
        """The transaction is committed."""
        for cache in self._caches:
            cache.keep()

    def forget(self) -> None:
        """The transaction is rolled back."""
        for cache in self._caches:
            cache.forget()

    def mark(self) -> list[dict[Any, list[float]]]:
        """Where a savepoint begins, for `reset`."""
        return [dict(cache.fresh) for cache in self._caches]

    def reset(self, mark: list[dict[Any, list[float]]]) -> None:
        """Forget what was made since `mark`: the savepoint is rolled back."""
        for cache, fresh in zip(self._caches, mark, strict=True):
            cache.fresh = dict(fresh)

    def touch(self, cursor: Cursor) -> None:
        """Bring last_seen up to date for what was used; rows others hold are left to them."""
        for cache in (self._resources, self._series):
            if cache.touched:
                cursor.execute(
                    f"UPDATE {cache.table} SET last_seen = now() WHERE id IN (SELECT id FROM"  # noqa: S608 (a constant)
                    f" {cache.table} WHERE id = ANY(%s) FOR UPDATE SKIP LOCKED)",
                    [[int(entry[0]) for entry in cache.touched]],
                )

    def resources(self, cursor: Cursor, wanted: Iterable[Resource]) -> dict[Resource, int]:
        """The id of each resource."""
        return self._resolve(
            self._resources, wanted, lambda r: r.hash, lambda rows: _make_resources(cursor, rows)
        )

    def names(self, cursor: Cursor, wanted: Iterable[str]) -> dict[str, int]:
        """The id of each span name. Names are cut at 600 characters."""
        clipped = {name: text(name[:_LONGEST_NAME]) for name in wanted}
        ids = self._resolve(
            self._names, set(clipped.values()), str, lambda rows: _make_names(cursor, rows)
        )
        return {name: ids[short] for name, short in clipped.items()}

    def series(
        self, cursor: Cursor, wanted: Iterable[Series]
    ) -> tuple[dict[Series, int], set[int]]:
        """The id of each series, and which ids are overflow series.

        A metric of one resource has 2000 attribute sets at most; what comes after shares the one
        series `otel.metric.overflow=true`.
        """
        found: dict[Series, int] = {}
        absent: list[Series] = []
        for item in wanted:
            number = self._series.get(item.hash.int)
            if number is None:
                absent.append(item)
            else:
                found[item] = abs(number)
        if absent:
            found |= self._make_series(cursor, absent)
        overflow = {
            number for item, number in found.items()
            if (self._series.get(item.hash.int) or 0) < 0
        }  # fmt: skip
        return found, overflow

    def _make_series(self, cursor: Cursor, absent: Sequence[Series]) -> dict[Series, int]:
        resources = self.resources(cursor, {s.resource for s in absent})
        metrics = self._resolve(
            self._metrics, {s.metric for s in absent}, lambda m: m,
            lambda rows: _make_metrics(cursor, rows),
        )  # fmt: skip
        unique = {s.hash: s for s in absent}
        ids = _select(cursor, "tm_series", list(unique))
        new = sorted((s for h, s in unique.items() if h not in ids), key=lambda s: s.hash)
        owners = {s.hash: (metrics[s.metric], resources[s.resource]) for s in new}
        room = _room(cursor, set(owners.values()))
        plain: list[Series] = []
        over: dict[UUID, Series] = {}
        for item in new:
            owner = owners[item.hash]
            if room[owner] > 0:
                room[owner] -= 1
                plain.append(item)
            else:
                over[item.hash] = Series(item.metric, item.resource, OVERFLOW)
        extra = {s.hash: s for s in over.values()}
        owners |= {s.hash: owners[of] for of, s in over.items()}
        rows = sorted([*plain, *extra.values()], key=lambda s: s.hash)
        ids |= _insert(
            cursor, "tm_series",
            "INSERT INTO tm_series (hash, metric_id, resource_id, attrs) SELECT * FROM"
            " unnest(%s::uuid[], %s::int[], %s::int[], %s::text[]::jsonb[])"
            " ON CONFLICT (hash) DO NOTHING RETURNING hash, id",
            [s.hash for s in rows],
            [owners[s.hash][0] for s in rows],
            [owners[s.hash][1] for s in rows],
            [json_bytes(s.attrs).decode() for s in rows],
        )  # fmt: skip
        for key, item in unique.items():
            # A negative number marks a series that went over the limit.
            self._series.add(item.hash.int, -ids[over[key].hash] if key in over else ids[key])
        return {s: ids[over[s.hash].hash if s.hash in over else s.hash] for s in absent}

    @staticmethod
    def _resolve(
        cache: _Cache,
        wanted: Iterable[Any],
        key: Callable[[Any], Any],
        make: Callable[[dict[Any, Any]], dict[Any, int]],
    ) -> dict[Any, int]:
        found: dict[Any, int] = {}
        absent: dict[Any, Any] = {}
        for item in wanted:
            number = cache.get(key(item))
            if number is None:
                absent[key(item)] = item
            found[item] = number or 0
        if absent:
            made = make(absent)
            for name, number in made.items():
                cache.add(name, number)
            found = {item: number or made[key(item)] for item, number in found.items()}
        return found


def _select(cursor: Cursor, table: str, hashes: list[UUID]) -> dict[UUID, int]:
    cursor.execute(f"SELECT hash, id FROM {table} WHERE hash = ANY(%s)", [hashes])  # noqa: S608 (a constant)
    return dict(cursor.fetchall())


def _insert(
    cursor: Cursor, table: str, statement: str, hashes: list[UUID], *columns: list[Any]
) -> dict[UUID, int]:
    """Insert rows sorted by hash; ids of all of them, whoever made them."""
    if not hashes:
        return {}
    cursor.execute(statement, [hashes, *columns])
    ids: dict[UUID, int] = dict(cursor.fetchall())
    absent = [h for h in hashes if h not in ids]
    return ids | _select(cursor, table, absent) if absent else ids


def _make_resources(cursor: Cursor, rows: dict[UUID, Resource]) -> dict[UUID, int]:
    ids = _select(cursor, "tm_resource", list(rows))
    hashes = sorted(h for h in rows if h not in ids)
    return ids | _insert(
        cursor, "tm_resource",
        "INSERT INTO tm_resource (hash, service, attrs) SELECT * FROM"
        " unnest(%s::uuid[], %s::text[], %s::text[]::jsonb[])"
        " ON CONFLICT (hash) DO NOTHING RETURNING hash, id",
        hashes,
        [text(rows[h].service[:_LONGEST_NAME]) for h in hashes],
        [json_bytes(rows[h].attrs).decode() for h in hashes],
    )  # fmt: skip


def _make_names(cursor: Cursor, rows: dict[str, str]) -> dict[str, int]:
    find = "SELECT value, id FROM tm_name WHERE value = ANY(%s)"
    ids = dict(cursor.execute(find, [list(rows)]).fetchall())
    absent = sorted(set(rows) - set(ids))
    if absent:
        cursor.execute(
            "INSERT INTO tm_name (value) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
            [absent],
        )
        ids |= dict(cursor.execute(find, [absent]).fetchall())
    return ids


def _make_metrics(cursor: Cursor, rows: dict[Metric, Metric]) -> dict[Metric, int]:
    def key(metric: Metric) -> tuple[str, str, int, int, bool]:
        name, unit = (text(part[:_LONGEST_NAME]) for part in (metric.name, metric.unit))
        return name, unit, int(metric.kind), int(metric.temporality), metric.monotonic

    # One row per identity: names cut to the same text are one metric.
    unique = {key(metric): metric for metric in rows}
    ordered = sorted(unique)
    cursor.execute(
        "INSERT INTO tm_metric (name, unit, kind, temporality, monotonic, description)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::int2[], %s::int2[], %s::bool[],"
        " %s::text[]) ON CONFLICT DO NOTHING",
        [*(list(part) for part in zip(*ordered, strict=True)),
         [text(unique[k].description) for k in ordered]],
    )  # fmt: skip
    cursor.execute(
        "SELECT name, unit, kind, temporality, monotonic, id FROM tm_metric WHERE name = ANY(%s)",
        [[k[0] for k in ordered]],
    )
    ids = {tuple(row[:5]): row[5] for row in cursor.fetchall()}
    return {metric: ids[key(metric)] for metric in rows}


def _room(cursor: Cursor, owners: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """How many attribute sets each (metric, resource) may still get."""
    pairs = list(owners)
    cursor.execute(
        "SELECT o.m, o.r, (SELECT count(*) FROM (SELECT 1 FROM tm_series s WHERE s.metric_id = o.m"
        " AND s.resource_id = o.r LIMIT %s) c) FROM unnest(%s::int[], %s::int[]) AS o(m, r)",
        [SETS_PER_METRIC + 1, [m for m, _ in pairs], [r for _, r in pairs]],
    )
    return {(m, r): SETS_PER_METRIC - n for m, r, n in cursor.fetchall()}
