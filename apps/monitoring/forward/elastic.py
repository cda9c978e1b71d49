"""Elasticsearch's bulk API: log records and spans as documents of two data streams.

Each document carries an id made of its content, so a repeat after a lost answer is refused by
Elasticsearch as a conflict (409) and counts as taken. Fields follow the Elastic Common Schema; the
index templates that fit them are in `elk_config/`.
"""

import base64
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInputError
from apps.core.outgoing import Answer, retry_after_s
from apps.monitoring.forward.base import (
    BODY_BYTES,
    LOGS,
    RETRIED,
    TRACES,
    Kind,
    Parcel,
    Verdict,
    header,
)
from apps.monitoring.forward.encoding import rows_of
from apps.monitoring.store import clean
from apps.monitoring.store.rows import Batch, LogRecord, Resource, Span, digest

STREAMS: Final = {LOGS: "logs-pharos-default", TRACES: "traces-pharos-default"}
_NDJSON: Final = "application/x-ndjson"
_TAKEN: Final = frozenset({200, 201, 409})
# Levels by the first number of OTLP's severity ranges.
_LEVELS: Final = (
    (21, "fatal"),
    (17, "error"),
    (13, "warn"),
    (9, "info"),
    (5, "debug"),
    (1, "trace"),
)
_OUTCOMES: Final = {0: "unknown", 1: "success", 2: "failure"}
_KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS


class Elasticsearch(Kind, kind="elasticsearch"):
    """`POST /_bulk`; credentials are `ApiKey …` or user:password, or empty."""

    signals = (TRACES, LOGS)

    def headers(self, credentials: str) -> dict[str, str]:
        credentials = credentials.strip()
        if not credentials:
            return {}
        if credentials.startswith("ApiKey "):
            return dict([header("Authorization", credentials)])
        user, colon, password = credentials.partition(":")
        if not user or not colon or not password:
            raise InvalidInputError(_("Write “ApiKey …” or user:password."))
        packed = base64.b64encode(credentials.encode()).decode()
        return {"Authorization": f"Basic {packed}"}

    def parcels(self, batches: Sequence[Batch], signals: Collection[str]) -> Iterator[Parcel]:
        for signal in signals:
            build = _BUILDERS.get(signal)
            if build is None:
                continue
            lines: list[bytes] = []
            size = 0
            for row in rows_of(signal, batches):
                entry = _entry(STREAMS[signal], build(row))
                if lines and size + len(entry) > BODY_BYTES:
                    yield _parcel(signal, lines)
                    lines, size = [], 0
                lines.append(entry)
                size += len(entry)
            if lines:
                yield _parcel(signal, lines)

    def judge(self, parcel: Parcel, answer: Answer) -> Verdict:
        wait_s = retry_after_s(answer.headers.get("retry-after", ""))
        told = f"It answered {answer.status}."
        if answer.status in RETRIED:
            return Verdict(reason=told, again=parcel, retry_after_s=wait_s)
        if answer.status != 200:
            return Verdict(refused=parcel.items, reason=told)
        statuses = _statuses(answer.body, parcel.items)
        if statuses is None:
            return Verdict(reason="Its answer is not one of the bulk API.", again=parcel)
        return _sorted_out(parcel, statuses)


def _parcel(signal: str, lines: Sequence[bytes]) -> Parcel:
    return Parcel(signal, "/_bulk", _NDJSON, b"".join(lines), len(lines))


def _entry(stream: str, document: dict[str, Any]) -> bytes:
    action = {"create": {"_index": stream, "_id": digest(stream, document).hex}}
    return _json(action) + b"\n" + _json(document) + b"\n"


def _json(of: Any) -> bytes:
    try:
        return orjson.dumps(of, option=_OPTIONS)
    except TypeError:
        # Lone surrogates, integers beyond 64 bits: as the store keeps them.
        return orjson.dumps(clean.plain(of), option=_OPTIONS)


def _statuses(body: bytes, items: int) -> list[tuple[int, str]] | None:
    """Status and reason of each item in order; None when the body is no bulk answer."""
    try:
        found = orjson.loads(body)["items"]
        read = [next(iter(item.values())) for item in found]
        statuses = [
            (int(one["status"]), str((one.get("error") or {}).get("type", ""))) for one in read
        ]
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration):
        return None
    return statuses if len(statuses) == items else None


def _sorted_out(parcel: Parcel, statuses: Sequence[tuple[int, str]]) -> Verdict:
    # Two lines an item; a document never holds a line break of its own.
    lines = parcel.body.splitlines(keepends=True)
    sent, again, reasons = 0, [], []
    for place, (status, reason) in enumerate(statuses):
        if status in _TAKEN:
            sent += 1
        elif status in RETRIED:
            again.append(b"".join(lines[2 * place : 2 * place + 2]))
            reasons.append(reason)
        else:
            reasons.append(reason)
    refused = parcel.items - sent - len(again)
    reason = f"It refused documents: {reasons[0] or 'no reason given'}." if reasons else ""
    left = _parcel(parcel.signal, again) if again else None
    return Verdict(sent=sent, refused=refused, reason=reason, again=left)


def _log(row: LogRecord) -> dict[str, Any]:
    document = _common(row.resource, row.time_ns, row.attrs)
    document["message"] = row.body
    document["event"] = {"kind": "event", "severity": row.severity}
    level = next((name for least, name in _LEVELS if row.severity >= least), None)
    if level:
        document["log"] = {"level": level}
    if row.trace_id:
        document["trace"] = {"id": row.trace_id.hex()}
    if row.span_id:
        document["span"] = {"id": row.span_id.hex()}
    return document


def _span(row: Span) -> dict[str, Any]:
    document = _common(row.resource, row.start_ns, row.attrs)
    kind = _KINDS[row.kind] if 0 <= row.kind < len(_KINDS) else _KINDS[0]
    document |= {
        "event": {
            "kind": "event", "duration": row.end_ns - row.start_ns,
            "outcome": _OUTCOMES.get(row.status, "unknown"),
        },
        "trace": {"id": row.trace_id.hex()},
        "span": {"id": row.span_id.hex(), "name": row.name, "kind": kind},
    }  # fmt: skip
    if row.parent_id:
        document["parent"] = {"id": row.parent_id.hex()}
    return document


def _common(resource: Resource, time_ns: int, attrs: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "@timestamp": _time(time_ns),
        "service": {"name": resource.service},
        "resource": {"attributes": dict(resource.attrs)},
        "attributes": dict(attrs),
    }
    environment = resource.attrs.get("deployment.environment.name")
    if isinstance(environment, str):
        document["service"]["environment"] = environment
    request = attrs.get("request_id")
    if isinstance(request, str):
        document["http"] = {"request": {"id": request}}
    return document


def _time(time_ns: int) -> str:
    """ISO 8601 in UTC with nanoseconds, as `date_nanos` takes it."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


_BUILDERS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {LOGS: _log, TRACES: _span}
