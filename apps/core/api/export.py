"""Whole lists as CSV or NDJSON, streamed: never more than a chunk of rows is in memory."""

import csv
import io
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Self

from django.conf import settings
from django.db import connection
from django.http import StreamingHttpResponse

from apps.core import request_id
from apps.core.api.cursors import Key
from apps.core.api.renderers import dumps, utc_text
from apps.core.api.sources import Source
from apps.core.errors import PortalError, UnavailableError, error_body

logger = logging.getLogger(__name__)
_CHUNK: Final = 1_000
# Each holds a thread of the web for as long as its reader takes: some stay free of exports.
EXPORTS_AT_ONCE: Final = max(1, settings.PHAROS_WEB_THREADS // 4)
_at_once = threading.BoundedSemaphore(EXPORTS_AT_ONCE)
Show = Callable[[Any], dict[str, Any]]
# What a spreadsheet takes for a formula, also after space it ignores, also in full width.
_FORMULA: Final = re.compile(
    r"[\s\0-\x20\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]"
)
_UNSAFE_NAME: Final = re.compile(r"[^a-z0-9]+")


class _StoppedError(Exception):
    """There are more rows than an export may hold."""


class _Held:
    """The chunks of one export, and its place among those under way until it ends or is left."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks: Iterator[bytes] | None = chunks

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks or iter(()))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the place back; once only, however often and by whomever it is called."""
        chunks, self._chunks = self._chunks, None
        if chunks is not None:
            _at_once.release()

    # An answer that a middleware gave up is closed by nobody.
    __del__ = close


def response(
    form: str,
    name: str,
    columns: Sequence[str],
    rows: Iterator[dict[str, Any]],
    path: str,
) -> StreamingHttpResponse:
    """The streamed answer; `form` is "csv" or "ndjson", `name` goes into the file's name.

    Raises UnavailableError while too many are under way.
    """
    if not _at_once.acquire(blocking=False):
        raise UnavailableError("Too many exports are under way.", retry_after_s=5)
    if form == "csv":
        body, kind = _csv(columns, rows, path), "text/csv; charset=utf-8"
    else:
        body, kind = _ndjson(rows, path), "application/x-ndjson"
    answer = StreamingHttpResponse(_Held(body), content_type=kind)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    safe = _UNSAFE_NAME.sub("-", name.lower()).strip("-") or "list"
    answer["Content-Disposition"] = f'attachment; filename="{safe}-{stamp}.{form}"'
    return answer


def rows(
    source: Source[Any],
    first: Key | None,
    show: Show,
    most: int,
    cursor_after: Callable[[Key], str],
) -> Iterator[dict[str, Any]]:
    """All rows after `first`. After `most` of them it raises what tells how to go on."""
    key, left = first, most
    while True:
        wanted = min(_CHUNK, left)
        found = source.after(key, wanted + 1)
        _let_go()
        more = len(found) > wanted
        for row in found[:wanted]:
            yield show(row)
        if not more:
            return
        key, left = source.key(found[wanted - 1]), left - wanted
        if not left:
            raise _StoppedError(
                f"The export stopped after {most} rows. Go on with cursor={cursor_after(key)}"
            )


def cell(value: Any) -> Any:
    """What stands in a CSV cell: numbers as they are, text that no spreadsheet takes for a formula.

    Unknown is empty. Lists and mappings are JSON.
    """
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 (NaN)
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, dict | list | tuple):
        return dumps(value).decode()
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def _csv(columns: Sequence[str], rows: Iterator[dict[str, Any]], path: str) -> Iterator[bytes]:
    text = io.StringIO()
    write = csv.writer(text).writerow

    def flush() -> bytes:
        data = text.getvalue().encode(errors="replace")
        text.seek(0)
        text.truncate()
        return data

    write([cell(name) for name in columns])
    yield flush()
    try:
        for count, row in enumerate(rows, 1):
            write([cell(row[name]) for name in columns])
            if count % _CHUNK == 0:
                yield flush()
    except Exception as error:  # noqa: BLE001 (the status is sent; only the body can tell)
        # A lone cell where a row should be: a reader of columns trips, a person sees why.
        write([f"# INCOMPLETE: {_told(error, path)['message']}"])
    yield flush()


def _ndjson(rows: Iterator[dict[str, Any]], path: str) -> Iterator[bytes]:
    lines: list[bytes] = []
    try:
        for row in rows:
            lines.append(dumps(row))
            if len(lines) == _CHUNK:
                yield b"\n".join(lines) + b"\n"
                lines.clear()
    except Exception as error:  # noqa: BLE001 (the status is sent; only the body can tell)
        lines.append(dumps(_told(error, path)))
    if lines:
        yield b"\n".join(lines) + b"\n"


def _told(error: Exception, path: str) -> dict[str, Any]:
    if isinstance(error, _StoppedError):
        return error_body("truncated", str(error), path=path)
    if isinstance(error, PortalError):
        return error_body(error.code, error.message, path=path, details=error.details)
    logger.error("An export broke off", exc_info=error, extra={"id": request_id.current()})
    return error_body("internal_error", "Something went wrong here; it was logged.", path=path)


def _let_go() -> None:
    """Give a pooled connection back while the client takes its time with the rows."""
    pooled = connection.settings_dict["OPTIONS"].get("pool")
    if pooled and not connection.in_atomic_block:
        connection.close()
