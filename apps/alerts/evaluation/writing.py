"""Many rows in one statement each: columns travel as arrays, so 10,000 rows cost one round trip."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

from django.db import connection
from psycopg import sql
from psycopg.types.json import Jsonb

from apps.alerts.models import Episode, EpisodeEvent, Instance

Columns = dict[str, str]

_STEADY: Final[Columns] = {
    "state": "text", "severity": "text", "value": "float8", "peak": "float8",
    "threshold": "float8", "facts": "jsonb", "reason": "text", "fired_at": "timestamptz", "ended_at": "timestamptz",
    "end_reason": "text", "updated_at": "timestamptz",
}  # fmt: skip
_EPISODE: Final[Columns] = {
    "id": "uuid", "rule_id": "int8", "rule_name": "text", "fingerprint": "text", "labels": "jsonb",
    "metric": "text", "unit": "text", "direction": "text", "started_at": "timestamptz", **_STEADY,
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
            _assigned(_STEADY, sql.SQL("n")), _unnested(columns)
        ),
        _arrays(columns, rows),
    )


def upsert_instances(rows: Sequence[Instance]) -> None:
    """Instances by rule and fingerprint."""
    changed = [name for name in _INSTANCE if name not in ("rule_id", "fingerprint")]
    _insert(
        "alerts_instance",
        _INSTANCE,
        rows,
        sql.SQL(" ON CONFLICT (rule_id, fingerprint) DO UPDATE SET {}").format(
            _assigned(changed, sql.SQL("excluded"))
        ),
    )


def insert_events(rows: Sequence[EpisodeEvent]) -> None:
    """Entries of timelines, in their order."""
    _insert("alerts_episodeevent", _EVENT, rows)


def _insert(
    table: str, columns: Columns, rows: Sequence[Any], conflict: sql.Composable = sql.SQL("")
) -> None:
    if not rows:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("INSERT INTO {} ({}) {}").format(
        sql.Identifier(table), names, _unnested(columns)
    )
    _execute(statement + conflict, _arrays(columns, rows))


def _unnested(columns: Columns) -> sql.Composed:
    arrays = [sql.SQL(f"%s::{kind}[]") for kind in columns.values()]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("SELECT {0} FROM unnest({1}) WITH ORDINALITY AS u({0}, place)").format(
        names, sql.SQL(", ").join(arrays)
    ) + sql.SQL(" ORDER BY place")


def _assigned(columns: Columns | Sequence[str], source: sql.Composable) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{0} = {1}.{0}").format(sql.Identifier(name), source) for name in columns
    )


def _arrays(columns: Columns, rows: Sequence[Any]) -> list[list[Any]]:
    arrays = []
    for name, kind in columns.items():
        values = list(map(attrgetter(name), rows))
        arrays.append(_ADAPTED[kind](values) if kind in _ADAPTED else values)
    return arrays


def _floats(values: list[Any]) -> list[Any]:
    # An array of both kinds of number is none to psycopg.
    return [value if value is None else float(value) for value in values]


_ADAPTED: Final = {"jsonb": lambda values: list(map(Jsonb, values)), "float8": _floats}


def _execute(statement: sql.Composed, arrays: list[list[Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, arrays)
