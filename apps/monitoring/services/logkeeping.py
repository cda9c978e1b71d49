"""The archive of log lines: days go into it, come back for a while, and end."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson
import psycopg
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from apps.core import caller
from apps.core.errors import ConflictError, NotFoundError
from apps.core.services import audit
from apps.monitoring.models import LegalHold, LogArchive
from apps.monitoring.store import connect, logarchive, logblocks, logtiers
from apps.monitoring.store.logarchive import Manifest, Resource
from apps.monitoring.store.logblocks import Line

_TIMEOUT_S: Final = 1800.0
Connection = psycopg.Connection[Any]

_NOTE: Final = (
    "INSERT INTO monitoring_logarchive"
    " (day, file, sha256, size_bytes, lines, services, archived_at)"
    " VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s) ON CONFLICT (day) DO UPDATE"
    " SET file = excluded.file, sha256 = excluded.sha256, size_bytes = excluded.size_bytes,"
    " lines = excluded.lines, services = excluded.services, archived_at = excluded.archived_at,"
    " restored_until = NULL, deleted_at = NULL"
)


def archive(raw: Connection, name: str, start: datetime, now: datetime) -> None:
    """Move a compressed day into a file; one that was restored for a time just goes after it.

    Killed at any point the day is compressed or archived. Raises psycopg.Error and OSError.
    """
    known = LogArchive.objects.filter(day=start.date(), deleted_at=None).first()
    if known is not None:
        if start.date() in staying(now):
            return
        with raw.transaction():
            _drop_blocks(raw, name)
            raw.execute(
                "UPDATE monitoring_logarchive SET restored_until = NULL WHERE day = %s",
                [start.date()],
            )
        return
    with connect.open_connection("pharos-keep", _TIMEOUT_S) as reader:
        lines = logtiers.read_blocks(reader, name)
        manifest = logarchive.write(
            settings.PHAROS_ARCHIVE_DIR, start.date(), lines, _resources(reader, name), now
        )
    with raw.transaction():
        raw.execute(_NOTE, _row(start.date(), manifest, now))
        _drop_blocks(raw, name)


def _row(day: date, manifest: Manifest, now: datetime) -> list[Any]:
    services = orjson.dumps(manifest.services).decode()
    return [
        day, manifest.file, manifest.sha256, manifest.size_bytes, manifest.lines, services, now
    ]  # fmt: skip


def _resources(reader: Connection, name: str) -> dict[int, Resource]:
    rows = reader.execute(
        sql.SQL(
            "SELECT id, hash::text, service, attrs::text FROM tm_resource"
            " WHERE service IN (SELECT DISTINCT service FROM {})"
        ).format(sql.Identifier(name))
    )
    return {number: Resource(*told) for number, *told in rows}


def _drop_blocks(raw: Connection, name: str) -> None:
    names = {"name": sql.Identifier(name)}
    raw.execute(sql.SQL("ALTER TABLE tm_log_block DETACH PARTITION {name}").format(**names))
    raw.execute(sql.SQL("DROP TABLE {name}").format(**names))


def staying(now: datetime) -> set[date]:
    """The archived days whose blocks, if there are any, stay.

    They were taken back for a while, or hold lines that came when the file was written already:
    those are searchable until the file goes, and then follow it.
    """
    days = LogArchive.objects.filter(deleted_at=None).exclude(restored_until__lte=now)
    return set(days.values_list("day", flat=True))


def overdue(now: datetime) -> list[LogArchive]:
    """Archived days past their time that no legal hold keeps, oldest first."""
    before = (now - timedelta(days=settings.PHAROS_LOG_DELETE_DAYS)).date()
    days = LogArchive.objects.filter(day__lt=before, deleted_at=None).order_by("day")[:500]
    holds = list(LegalHold.objects.filter(active=True)[:1000])
    return [day for day in days if not any(_holds(hold, day) for hold in holds)]


def _holds(hold: LegalHold, archived: LogArchive) -> bool:
    day = archived.day
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    overlaps = hold.start < start + timedelta(days=1) and hold.end > start
    return overlaps and (not hold.service or hold.service in archived.services)


def delete(archived: LogArchive, now: datetime) -> None:
    """Remove an archived day for good; recorded in the audit trail. Raises OSError."""
    # The file first: killed in between, the next run marks a file that is gone already.
    logarchive.delete(settings.PHAROS_ARCHIVE_DIR, archived.day)
    if LogArchive.objects.filter(pk=archived.pk, deleted_at=None).update(deleted_at=now):
        told = {"file": archived.file, "lines": archived.lines, "sha256": archived.sha256}
        audit.record(caller.actor(), "logarchive.delete", str(archived), told, None)


def restore(day: date, until: datetime) -> int:
    """Let the lines of an archived day be searched until `until`; how many there are.

    Raises NotFoundError, ConflictError when they are searchable, ArchiveError for a damaged file,
    OSError.
    """
    known = LogArchive.objects.filter(day=day, deleted_at=None).first()
    if known is None:
        raise NotFoundError(_("This day is not in the archive."))
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    name = logtiers.BLOCKS.name(start)
    with connect.open_connection("pharos-keep", _TIMEOUT_S) as raw, raw.transaction():
        if name in {found for found, _start in logtiers.compressed(raw)}:
            raise ConflictError(_("The lines of this day are searchable already."))
        staged = f"{name}_new"
        logtiers.create_blocks(raw, staged, start)
        with raw.cursor() as cursor:
            n, _size = logblocks.store(cursor, staged, logblocks.blocks(_known_here(raw, day)))
        logtiers.attach_blocks(raw, staged, start)
        raw.execute(
            "UPDATE monitoring_logarchive SET restored_until = %s WHERE day = %s", [until, day]
        )
    audit.record(
        caller.actor(), "logarchive.restore", str(known), None, {"until": until, "lines": n}
    )
    return n


def _known_here(raw: Connection, day: date) -> Iterator[tuple[str, Line]]:
    """The lines of the day's file with the ids their resources have in this store."""
    ids: dict[str, int] = {}
    for resource, line in logarchive.read(settings.PHAROS_ARCHIVE_DIR, day):
        if resource.hash not in ids:
            ids[resource.hash] = _resource_id(raw, resource)
        yield resource.service, line._replace(resource_id=ids[resource.hash])


def _resource_id(raw: Connection, resource: Resource) -> int:
    row = raw.execute(
        "INSERT INTO tm_resource (hash, service, attrs) VALUES (%s, %s, %s::jsonb)"
        " ON CONFLICT (hash) DO UPDATE SET last_seen = now() RETURNING id",
        [resource.hash, resource.service, resource.attrs],
    ).fetchone()
    assert row is not None
    return int(row[0])
