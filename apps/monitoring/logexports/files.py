"""The files of exports: parts of gzip, one behind the other, in the portal's home.

Each part is whole by itself, so a file can be cut at the end of any of them and gone on with.
"""

import csv
import fcntl
import gzip
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings

from apps.core.api.export import cell
from apps.core.api.renderers import dumps
from apps.monitoring.models import LogExport

COLUMNS: Final = (
    "id", "ts", "service", "level", "severity", "body", "body_length", "cut", "trace_id",
    "span_id", "attrs",
)  # fmt: skip
# What others on this disk need more.
LEAST_FREE_BYTES: Final = 1024**3


def folder() -> Path:
    """Where the files are; made on first use, for nobody else to read."""
    path = Path(settings.PHAROS_HOME) / "exports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path_of(export: LogExport) -> Path:
    """The file of one export, whether it is there or not."""
    return folder() / f"{export.pk}.{export.form}.gz"


def roomy() -> bool:
    """Whether the disk has room for more."""
    return shutil.disk_usage(folder()).free > LEAST_FREE_BYTES


@contextmanager
def opened(export: LogExport) -> Iterator[IO[bytes]]:
    """The file, for one worker at a time: another one waits until it is closed."""
    handle = os.open(path_of(export), os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b") as file:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield file


def append(file: IO[bytes], end: int, part: bytes) -> int:
    """Write a part behind what counts of the file, durably; where it ends now."""
    if not part and end:
        return end
    file.truncate(end)
    file.seek(end)
    file.write(gzip.compress(part, 5))
    file.flush()
    os.fsync(file.fileno())
    return file.tell()


def part_of(form: str, rows: Iterable[Mapping[str, Any]], *, first: bool, note: str) -> bytes:
    """Rows as they stand in the file; `note` says at its end what is missing."""
    made = _csv(rows, first=first, note=note) if form == "csv" else _ndjson(rows, note)
    return b"".join(made)


def _csv(rows: Iterable[Mapping[str, Any]], *, first: bool, note: str) -> Iterator[bytes]:
    text = io.StringIO()
    write = csv.writer(text).writerow
    if first:
        write(COLUMNS)
    for row in rows:
        write([cell(row[name]) for name in COLUMNS])
    if note:
        # A lone cell where a row should be: a reader of columns trips, a person sees why.
        write([f"# INCOMPLETE: {note}"])
    yield text.getvalue().encode(errors="replace")


def _ndjson(rows: Iterable[Mapping[str, Any]], note: str) -> Iterator[bytes]:
    for row in rows:
        yield dumps(dict(row)) + b"\n"
    if note:
        yield dumps({"error": "truncated", "message": note}) + b"\n"


def remove(export: LogExport) -> None:
    """Delete the file, if there is one."""
    path_of(export).unlink(missing_ok=True)
