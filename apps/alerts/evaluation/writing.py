"""Many rows in one statement each: they travel as one JSON text, the quickest to make and read."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django.db import connection
from psycopg import sql

from apps.alerts.models import Episode, Flap, Instance, Tick

Columns = dict[str, str]


class Event(NamedTuple):
    """An entry of a timeline to be written. No model: a storm makes tens of thousands of them."""

    episode_id: UUID
    at: datetime
    kind: str
    detail: dict[str, Any]


_NOTHING: Final = sql.SQL("")

_STEADY: Final[Columns] = {
    "state": "text", "severity": "text", "value": "float8", "peak": "float8",
    "threshold": "float8", "facts": "jsonb", "reason": "text", "fired_at": "timestamptz",
    "ended_at": "timestamptz", "end_reason": "text", "updated_at": "timestamptz",
}  # fmt: skip
_EPISODE: Final[Columns] = {
    "id": "uuid", "rule_id": "int8", "rule_name": "text", "fingerprint": "text", "labels": "jsonb",
    "metric": "text", "unit": "text", "direction": "text", "started_at": "timestamptz",
    "source": "text", "summary": "text", **_STEADY,
}  # fmt: skip
_INSTANCE: Final[Columns] = {
    "rule_id": "int8", "fingerprint": "text", "labels": "jsonb", "state": "text", "reason": "text",
    "active_at": "timestamptz", "seen_at": "timestamptz", "observed_s": "float8",
    "keep_since": "timestamptz", "missed": "int4", "severity": "text", "notified": "text",
    "value": "float8", "tick": "timestamptz", "episode_id": "uuid",
}  # fmt: skip
_EVENT: Final[Columns] = {
    "episode_id": "uuid", "at": "timestamptz", "kind": "text", "detail": "jsonb",
}  # fmt: skip
_FLAP: Final[Columns] = {
    "rule_id": "int8", "fingerprint": "text", "episode_id": "uuid", "changed": "int4",
    "firing": "bool", "flapping": "bool", "changes": "timestamptz[]", "seen_at": "timestamptz",
    "since": "timestamptz", "told": "bool", "told_channels": "int8[]",
}  # fmt: skip
_TICK: Final[Columns] = {
    "rule_id": "int8", "tick": "timestamptz", "skipped": "int4", "series": "int4",
    "breaching": "int4", "error": "text",
}  # fmt: skip


def insert_ticks(rows: Sequence[Tick]) -> None:
    """Evaluations. Raises IntegrityError when one of them was made before."""
    _insert("alerts_tick", _TICK, rows)


def insert_episodes(rows: Sequence[Episode]) -> None:
    """New episodes."""
    _insert("alerts_episode", _EPISODE, rows)


def update_episodes(rows: Sequence[Episode]) -> None:
    """What an evaluation may change of an episode."""
    if not rows:
        return
    columns = {"id": "uuid", **_STEADY}
    _execute(
        sql.SQL("UPDATE alerts_episode e SET {} FROM ({}) AS n WHERE e.id = n.id").format(
            _assigned(_STEADY, sql.SQL("n")), _recordset(columns)
        ),
        columns,
        rows,
    )


def upsert_instances(rows: Sequence[Instance]) -> None:
    """Instances by rule and fingerprint."""
    _upsert("alerts_instance", _INSTANCE, rows)


def upsert_flaps(rows: Sequence[Flap]) -> None:
    """What is known of changing alerts, by rule and fingerprint."""
    _upsert("alerts_flap", _FLAP, rows)


def insert_events(rows: Sequence[Event]) -> None:
    """Entries of timelines, in their order."""
    _insert("alerts_episodeevent", _EVENT, rows)


def _upsert(table: str, columns: Columns, rows: Sequence[Any]) -> None:
    changed = [name for name in columns if name not in ("rule_id", "fingerprint")]
    _insert(
        table,
        columns,
        rows,
        sql.SQL(" ON CONFLICT (rule_id, fingerprint) DO UPDATE SET {}").format(
            _assigned(changed, sql.SQL("excluded"))
        ),
    )


def _insert(
    table: str, columns: Columns, rows: Sequence[Any], conflict: sql.Composable = _NOTHING
) -> None:
    if not rows:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("INSERT INTO {} ({}) {}").format(
        sql.Identifier(table), names, _recordset(columns)
    )
    _execute(statement + conflict, columns, rows)


def _recordset(columns: Columns) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    typed = [sql.Identifier(name) + sql.SQL(f" {kind}") for name, kind in columns.items()]
    return sql.SQL(
        "SELECT {0} FROM ROWS FROM (json_to_recordset(%s::json) AS ({1}))"
        " WITH ORDINALITY AS u({0}, place) ORDER BY place"
    ).format(names, sql.SQL(", ").join(typed))


def _assigned(columns: Columns | Sequence[str], source: sql.Composable) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{0} = {1}.{0}").format(sql.Identifier(name), source) for name in columns
    )


def _execute(statement: sql.Composed, columns: Columns, rows: Sequence[Any]) -> None:
    values = map(attrgetter(*columns), rows)
    told = orjson.dumps([dict(zip(columns, one, strict=True)) for one in values], default=str)
    with connection.cursor() as cursor:
        cursor.execute(statement, [told.decode()])
