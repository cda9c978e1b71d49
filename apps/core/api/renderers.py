"""JSON as the portal writes it, and the other forms a list can take."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer

_OPTIONS: Final = (
    orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
)


def dumps(data: Any) -> bytes:
    """JSON as UTF-8: times in UTC with Z, decimals as text with every digit, NaN as null.

    A time in another zone keeps its offset; the fields of a list's rows are made UTC before.
    Raises TypeError for what has no JSON form.
    """
    try:
        return orjson.dumps(data, _plain, _OPTIONS)
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits and halves of surrogate pairs, which orjson refuses.
        return json.dumps(_known_to_json(data), allow_nan=False, separators=(",", ":")).encode()


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; a time without a zone is taken for UTC."""
    zone = moment.tzinfo
    return moment if zone is UTC or zone is None else moment.astimezone(UTC)


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC, with Z."""
    return in_utc(moment).replace(tzinfo=None).isoformat() + "Z"


def _digits(value: Decimal) -> str | None:
    return format(value, "f") if value.is_finite() else None


_WRITERS: Final[dict[type, Callable[[Any], Any]]] = {
    Decimal: _digits,
    timedelta: timedelta.total_seconds,
}


def _plain(value: Any) -> Any:
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, str | Promise):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form.")


def _known_to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _known_to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known_to_json(item) for item in value]
    if isinstance(value, str | int | None):
        return value
    try:
        return orjson.loads(orjson.dumps(value, _plain, _OPTIONS))
    except orjson.JSONEncodeError:
        return _known_to_json(_plain(value))


class JSONRenderer(BaseRenderer):
    """The form of every answer that says nothing else."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 (DRF's signature)
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> bytes:
        """The body; nothing for nothing, as of a 204."""
        return b"" if data is None else dumps(data)


class _Streamed(JSONRenderer):
    """A form the list itself streams; what it does not stream, such as an error, is JSON."""


class CSVRenderer(_Streamed):
    """Marks a list as one that can be had as CSV."""

    media_type = "text/csv"
    format = "csv"


class NDJSONRenderer(_Streamed):
    """Marks a list as one that can be had as one JSON object a line."""

    media_type = "application/x-ndjson"
    format = "ndjson"
