"""Which metrics there are."""

from collections.abc import Collection
from dataclasses import dataclass

from apps.monitoring.queries import selection
from apps.monitoring.store.rows import Kind


@dataclass(frozen=True)
class MetricInfo:
    """One metric of the catalogue; `kind` is gauge, sum or histogram."""

    name: str
    unit: str
    kind: str
    series: int


def metric_exists(name: str) -> bool:
    """Whether any series of this metric was ever stored."""
    with selection.reader() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM tm_metric m JOIN tm_series s ON s.metric_id = m.id"
            " WHERE m.name = %s)",
            [name.replace("\0", "")],
        )
        row = cursor.fetchone()
        return bool(row and row[0])


def exactly(names: Collection[str]) -> dict[str, list[MetricInfo]]:
    """The metrics of these very names; one name may have several units and kinds."""
    found: dict[str, list[MetricInfo]] = {}
    with selection.reader() as cursor:
        cursor.execute(
            "SELECT m.name, m.unit, m.kind, count(s.id) FROM tm_metric m"
            " JOIN tm_series s ON s.metric_id = m.id WHERE m.name = ANY(%s)"
            " GROUP BY m.name, m.unit, m.kind ORDER BY m.name, m.unit, m.kind",
            [[name.replace("\0", "") for name in names]],
        )
        for name, unit, kind, n in cursor.fetchall():
            found.setdefault(name, []).append(MetricInfo(name, unit, Kind(kind).name.lower(), n))
    return found


def catalogue(
    prefix: str = "",
    limit: int = 100,
    after: tuple[str, str, str] | None = None,
    search: str = "",
) -> list[MetricInfo]:
    """Metrics whose name begins with `prefix`, by name, unit and kind: those after that key.

    And whose name holds each word of `search`, in whatever case.
    """
    words = search.replace("\0", "").lower().split()[:10]
    name, unit, kind = after or ("", "", "")
    beyond = (name, unit, Kind[kind.upper()].value) if after else ("", "", -1)
    with selection.reader() as cursor:
        cursor.execute(
            "SELECT m.name, m.unit, m.kind, count(s.id) FROM tm_metric m"
            " JOIN tm_series s ON s.metric_id = m.id WHERE starts_with(m.name, %s)"
            " AND NOT EXISTS (SELECT FROM unnest(%s::text[]) w WHERE strpos(lower(m.name), w) = 0)"
            " AND (m.name, m.unit, m.kind) > (%s, %s, %s)"
            " GROUP BY m.name, m.unit, m.kind ORDER BY m.name, m.unit, m.kind LIMIT %s",
            [prefix.replace("\0", ""), words, *beyond, max(1, min(limit, 1001))],
        )
        return [
            MetricInfo(name, unit, Kind(kind).name.lower(), n)
            for name, unit, kind, n in cursor.fetchall()
        ]
