"""Days of log lines as files: one JSON object a line under zstd, and a manifest beside it.

A file stands for itself: the resources its lines name are in it. It can be read with
`zstd -dc FILE | jq`, and taken back with `manage.py restore_logs DAY`.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID

import orjson
import zstandard

from apps.monitoring.store import logblocks
from apps.monitoring.store.logblocks import Line

FORMAT: Final = "pharos.logs/1"
_LEVEL: Final = 12
_CHUNK: Final = 1024 * 1024


class ArchiveError(Exception):
    """A file of the archive is not what its manifest says; the message tells how."""


@dataclass(frozen=True)
class Resource:
    """Who sent the lines that name it: `hash` is the same in every store."""

    hash: str
    service: str
    attrs: str


@dataclass(frozen=True)
class Manifest:
    """What a file holds. `file` is its name beside the manifest."""

    format: str
    day: str
    file: str
    sha256: str
    size_bytes: int
    lines: int
    services: list[str]
    archived_at: str


def path_of(folder: Path, day: date) -> Path:
    """Where the day's file lies."""
    return folder / "logs" / f"{day:%Y}" / f"logs-{day:%Y%m%d}.ndjson.zst"


def write(
    folder: Path,
    day: date,
    lines: Iterable[tuple[str, Line]],
    resources: Mapping[int, Resource],
    now: datetime,
) -> Manifest:
    """Write the day's file and manifest, durable when this returns. Raises OSError.

    Written aside and renamed: a file under its own name is whole. One of before is replaced.
    """
    path = path_of(folder, day)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    n, services = 0, set()
    with _private(draft) as out:
        hashing = _Hashing(out)
        with _packing(hashing) as packed:
            packed.write(_line({"format": FORMAT, "day": day.isoformat()}))
            told: set[int] = set()
            for service, line in lines:
                if line.resource_id not in told:
                    told.add(line.resource_id)
                    packed.write(_resource(line.resource_id, resources[line.resource_id]))
                packed.write(_record(line))
                services.add(service)
                n += 1
        out.flush()
        os.fsync(out.fileno())
    manifest = Manifest(
        FORMAT, day.isoformat(), path.name, hashing.digest.hexdigest(), hashing.size, n,
        sorted(services), now.astimezone(UTC).isoformat(),
    )  # fmt: skip
    draft.rename(path)
    _write_durably(_manifest_path(path), orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
    return manifest


def read(folder: Path, day: date) -> Iterator[tuple[Resource, Line]]:
    """(resource, line) of the day's file, whose checksum is compared before the first line.

    The line's `resource_id` is the one of the store it comes from. Raises ArchiveError and OSError.
    """
    path = path_of(folder, day)
    manifest = _manifest(path)
    if checksum(path) != manifest["sha256"]:
        raise ArchiveError(f"{path.name} is damaged: its checksum is not the manifest's.")
    resources: dict[int, Resource] = {}
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as unpacked:
        for text in _texts(unpacked):
            row = orjson.loads(text)
            if "format" in row:
                if row["format"] != FORMAT:
                    raise ArchiveError(f"{path.name} has the unknown format {row['format']}.")
            elif "hash" in row:
                attrs = orjson.dumps(row["attrs"]).decode()
                resources[row["id"]] = Resource(row["hash"], row["service"], attrs)
            else:
                yield resources[row["resource"]], _parsed(row)


def delete(folder: Path, day: date) -> None:
    """Remove the day's file and manifest, where they are. Raises OSError."""
    path = path_of(folder, day)
    for gone in path.parent.glob(f"logs-{day:%Y%m%d}.*"):
        gone.unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """The SHA-256 of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as raw:
        while chunk := raw.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class _Hashing:
    """A file that hashes what is written to it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._out.write(data)

    def flush(self) -> None:
        self._out.flush()


def _packing(out: Any) -> zstandard.ZstdCompressionWriter:
    return zstandard.ZstdCompressor(level=_LEVEL).stream_writer(out, closefd=False)


def _private(path: Path) -> BinaryIO:
    """The file, made anew, for its owner only."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.fdopen(os.open(path, flags, mode=0o600), "wb")


def _line(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _resource(number: int, found: Resource) -> bytes:
    attrs = orjson.Fragment(found.attrs)
    return _line({"id": number, "hash": found.hash, "service": found.service, "attrs": attrs})


def _record(line: Line) -> bytes:
    return _line({
        "ts": logblocks.microseconds(line.ts), "observed": logblocks.microseconds(line.observed),
        "resource": line.resource_id, "severity": line.severity,
        "trace_id": None if line.trace_id is None else line.trace_id.hex, "span_id": line.span_id,
        "body": line.body, "attrs": line.attrs, "place": line.place, "tie": line.tie,
    })  # fmt: skip


def _parsed(row: Mapping[str, Any]) -> Line:
    trace = row["trace_id"]
    return Line(
        logblocks.moment(row["ts"]), logblocks.moment(row["observed"]), row["resource"],
        row["severity"], None if trace is None else UUID(trace), row["span_id"], row["body"],
        row["attrs"], row["place"], row["tie"],
    )  # fmt: skip


def _texts(unpacked: zstandard.ZstdDecompressionReader) -> Iterator[bytes]:
    rest = b""
    while chunk := unpacked.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _manifest_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".ndjson.zst") + ".json")


def _manifest(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(_manifest_path(path).read_bytes())
    except ValueError as error:
        raise ArchiveError(f"The manifest of {path.name} cannot be read.") from error
    if not isinstance(found, dict) or "sha256" not in found:
        raise ArchiveError(f"The manifest of {path.name} cannot be read.")
    return found


def _write_durably(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".part-json")
    with _private(draft) as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    draft.rename(path)
    # The names are durable only with their folder.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
