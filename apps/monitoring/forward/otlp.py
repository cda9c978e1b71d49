"""OTLP over HTTP, protobuf: any intake that speaks it, New Relic's, and Datadog's."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _
from google.protobuf.message import DecodeError

from apps.core.errors import InvalidInputError
from apps.core.outgoing import Answer, retry_after_s
from apps.monitoring.forward import encoding
from apps.monitoring.forward.base import (
    BODY_BYTES,
    LOGS,
    METRICS,
    RETRIED,
    TRACES,
    Kind,
    Parcel,
    Verdict,
    header,
)
from apps.monitoring.intake import wire
from apps.monitoring.store.rows import Batch

_PROTOBUF = "application/x-protobuf"
# How many rows one request holds at most; the body limit comes first for large ones.
_ROWS = 2_000
_ANSWERS: dict[str, Any] = {
    TRACES: (wire.TraceResponse, "rejected_spans"),
    LOGS: (wire.LogsResponse, "rejected_log_records"),
    METRICS: (wire.MetricsResponse, "rejected_data_points"),
}


class Otlp(Kind, kind="otlp"):
    """Any OTLP/HTTP intake; credentials are header lines such as `Authorization: Bearer …`."""

    def headers(self, credentials: str) -> dict[str, str]:
        lines = [line for line in credentials.splitlines() if line.strip()]
        return dict(header(*line.partition(":")[::2]) for line in lines)

    def parcels(self, batches: Sequence[Batch], signals: Collection[str]) -> Iterator[Parcel]:
        for signal in signals:
            rows = encoding.rows_of(signal, batches)
            for first in range(0, len(rows), _ROWS):
                yield from _cut(signal, rows[first : first + _ROWS])

    def judge(self, parcel: Parcel, answer: Answer) -> Verdict:
        if answer.status in RETRIED:
            return Verdict(
                reason=f"It answered {answer.status}.", again=parcel,
                retry_after_s=retry_after_s(answer.headers.get("retry-after", "")),
            )  # fmt: skip
        if not 200 <= answer.status < 300:
            return Verdict(refused=parcel.items, reason=f"It answered {answer.status}.")
        refused = min(_rejected(parcel.signal, answer), parcel.items)
        reason = f"It refused {refused} of {parcel.items} items." if refused else ""
        return Verdict(sent=parcel.items - refused, refused=refused, reason=reason)


class NewRelic(Otlp, kind="newrelic"):
    """New Relic's OTLP intake; credentials are the licence key."""

    def headers(self, credentials: str) -> dict[str, str]:
        return dict([header("api-key", _key(credentials))])


class Datadog(Otlp, kind="datadog"):
    """Datadog's OTLP intake: metrics as differences only, which the minute rollups hold."""

    minutes = True

    def headers(self, credentials: str) -> dict[str, str]:
        return {"dd-protocol": "otlp", **dict([header("dd-api-key", _key(credentials))])}


def _key(credentials: str) -> str:
    if not credentials.strip():
        raise InvalidInputError(_("Enter the key of the account; without one nothing is sent."))
    return credentials


def _cut(signal: str, rows: Sequence[Any]) -> Iterator[Parcel]:
    """The rows in as few requests as the limit allows; one row beyond it travels alone."""
    body = encoding.encode(signal, rows)
    if len(body) <= BODY_BYTES or len(rows) == 1:
        yield Parcel(signal, f"/v1/{signal}", _PROTOBUF, body, len(rows))
        return
    half = len(rows) // 2
    yield from _cut(signal, rows[:half])
    yield from _cut(signal, rows[half:])


def _rejected(signal: str, answer: Answer) -> int:
    """What a success refuses in part; 0 where the body says nothing that can be read."""
    message, name = _ANSWERS[signal]
    if not answer.headers.get("content-type", "").startswith(_PROTOBUF):
        return 0
    try:
        read = message.FromString(answer.body)
    except DecodeError:
        return 0
    return max(0, int(getattr(read.partial_success, name)))
