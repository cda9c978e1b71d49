"""Traces by their spans: newest first, narrowed by what spans say of themselves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db.backends.utils import CursorWrapper

from apps.core.timerange import TimeRange
from apps.monitoring.queries import found
from apps.monitoring.queries.found import Found
from apps.monitoring.queries.spanplace import SpanPlace
from apps.monitoring.queries.walk import containing

_ERROR: Final = 2  # OTLP's STATUS_CODE_ERROR
KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
# Which spans a search looks at: the first of each trace; besides, those with which a service was
# asked; all.
OF: Final = ("roots", "entries", "spans")


@dataclass(frozen=True, slots=True)
class RootSpan:
    """The first span of one trace, or another by which it was found."""

    place: SpanPlace
    service: str
    name: str
    kind: str
    failed: bool
    duration_us: int

    @property
    def ts(self) -> datetime:
        """When it began."""
        return self.place.ts

    @property
    def trace_id(self) -> UUID:
        """Its trace."""
        return self.place.trace_id

    @property
    def span_id(self) -> int:
        """Itself."""
        return self.place.span_id


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which spans; empty means all. `name` and `route` are exact, `text` is anywhere in the name.

    `code` is a status of HTTP, "503" or "5xx". `attrs` are names and texts that attributes must
    have, `has` names that must be there.
    """

    service: str = ""
    text: str = ""
    failed: bool = False
    least_us: int = 0
    trace_id: UUID | None = None
    of: str = "roots"
    name: str = ""
    route: str = ""
    most_us: int = 0
    code: str = ""
    attrs: tuple[tuple[str, str], ...] = ()
    has: tuple[str, ...] = ()


_SPANS: Final = """
SELECT DISTINCT ON (s.ts, s.trace_id, s.span_id)
    s.ts, s.trace_id, s.span_id, r.service, n.value, s.kind, s.status, s.dur_us
FROM tm_span s
JOIN tm_resource r ON r.id = s.resource_id
JOIN tm_name n ON n.id = s.name_id
WHERE s.ts >= %(start)s AND s.ts < %(end)s{more}
ORDER BY s.ts DESC, s.trace_id DESC, s.span_id DESC
LIMIT %(limit)s
"""
_OF: Final = {
    "roots": "s.parent_id IS NULL",
    "entries": "(s.parent_id IS NULL OR s.kind IN (2, 5))",
    "spans": "",
}
_SERVICE: Final = (
    "s.resource_id = ANY (ARRAY(SELECT id FROM tm_resource WHERE service = %(service)s))"
)
_NAME: Final = "s.name_id = ANY (ARRAY(SELECT id FROM tm_name WHERE value = %(name)s))"
_AFTER: Final = "(s.ts, s.trace_id, s.span_id) < (%(after_ts)s, %(after_trace)s, %(after_span)s)"
_CODE: Final = (
    "coalesce(s.attrs->>'http.response.status_code', s.attrs->>'http.status_code') LIKE %(code)s"
)


def search(
    time_range: TimeRange, wanted: TraceFilter, *, after: SpanPlace | None = None, limit: int = 50
) -> Found[RootSpan]:
    """The newest spans that a filter lets through, newest first.

    Raises UnavailableError when the search takes too long to find anything.
    """
    conditions, asked = narrowed(wanted)
    if after is not None:
        conditions.append(_AFTER)
        asked |= {
            "after_ts": after.ts, "after_trace": after.trace_id, "after_span": after.span_id,
        }  # fmt: skip
    statement = _SPANS.format(more="".join(f"\n  AND {one}" for one in conditions))

    def read(cursor: CursorWrapper, window: TimeRange, limit: int) -> list[RootSpan]:
        given = {**asked, "start": window.start, "end": window.end, "limit": limit}
        cursor.execute(statement, given)
        return [
            RootSpan(
                SpanPlace(ts, trace, span_id), service, name, _kind(kind), status == _ERROR, us
            )
            for ts, trace, span_id, service, name, kind, status, us in cursor.fetchall()
        ]

    return found.page(time_range, after, limit, read, spot=SpanPlace)


def narrowed(wanted: TraceFilter) -> tuple[list[str], dict[str, Any]]:
    """Conditions, only for what is asked, so that each may use its index; and their values."""
    asked: dict[str, Any] = {
        "service": wanted.service, "name": wanted.name, "least_us": wanted.least_us,
        "most_us": wanted.most_us, "trace": wanted.trace_id, "pattern": containing(wanted.text),
        "code": wanted.code.replace("x", "_"), "route": _json({"http.route": wanted.route}),
    }  # fmt: skip
    offered = {
        _OF[wanted.of]: True,
        _SERVICE: wanted.service,
        _NAME: wanted.name,
        "s.status = 2": wanted.failed,
        "s.dur_us >= %(least_us)s": wanted.least_us,
        "s.dur_us <= %(most_us)s": wanted.most_us,
        "n.value ILIKE %(pattern)s": wanted.text,
        "s.trace_id = %(trace)s": wanted.trace_id,
        "s.attrs @> %(route)s::jsonb": wanted.route,
        _CODE: wanted.code,
    }
    conditions = [text for text, given in offered.items() if text and given]
    for i, (name, value) in enumerate(wanted.attrs):
        # A condition for each type the text may stand for: containment can use the index.
        shapes = [_json({name: shape}) for shape in _shapes(value)]
        asked |= {f"attr_{i}_{j}": shape for j, shape in enumerate(shapes)}
        alternatives = [f"s.attrs @> %(attr_{i}_{j})s::jsonb" for j in range(len(shapes))]
        conditions.append(f"({' OR '.join(alternatives)})")
    for i, name in enumerate(wanted.has):
        asked[f"has_{i}"] = name.replace("\0", "\ufffd")
        conditions.append(f"s.attrs ? %(has_{i})s")
    return conditions, asked


def _shapes(text: str) -> list[Any]:
    """The text, and the JSON number or truth value it spells."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [text]
    return [text, value] if isinstance(value, bool | int | float) else [text]


def _json(value: dict[str, Any]) -> str:
    # NUL cannot be in a PostgreSQL text, so it matches nothing.
    return orjson.dumps(value).decode().replace("\\u0000", "\ufffd")


def _kind(number: int) -> str:
    return KINDS[number] if 0 <= number < len(KINDS) else ""
