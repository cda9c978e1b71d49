"""Points beyond the cardinality limit: many cumulative series summed into one.

Delta points and gauges simply share the overflow series. Cumulative ones of different attribute
sets would look like resets of each other; their sum at each export is itself cumulative. This
holds for senders that export all attribute sets of a metric in one request, as the SDKs do.
"""

from collections.abc import Mapping

from apps.monitoring.store import histograms
from apps.monitoring.store.errors import RowError
from apps.monitoring.store.rows import Batch, Histogram, Sample, Series, Temporality


def summed(batch: Batch, ids: Mapping[Series, int], overflow: set[int]) -> Batch:
    """`batch` with the cumulative points of each overflow series summed by time."""
    samples: list[Sample] = []
    sums: dict[tuple[int, int], Sample] = {}
    for point in batch.samples:
        number = ids[point.series]
        if number not in overflow or not _is_cumulative(point.series):
            samples.append(point)
            continue
        seen = sums.get((number, point.time_ns))
        sums[number, point.time_ns] = (
            point
            if seen is None
            else seen._replace(
                value=seen.value + point.value, start_ns=min(seen.start_ns, point.start_ns)
            )
        )
    points: list[Histogram] = []
    merged: dict[tuple[int, int], Histogram] = {}
    for item in batch.histograms:
        number = ids[item.series]
        if number not in overflow or not _is_cumulative(item.series):
            points.append(item)
            continue
        other = merged.get((number, item.time_ns))
        both = item if other is None else _together(other, item)
        if both is None:
            points.append(item)
        else:
            merged[number, item.time_ns] = both
    return Batch(
        batch.spans, batch.logs, samples + list(sums.values()), points + list(merged.values())
    )


def count(batch: Batch, ids: Mapping[Series, int], overflow: set[int]) -> int:
    """How many points of `batch` go into overflow series."""
    return sum(
        ids[point.series] in overflow
        for rows in (batch.samples, batch.histograms)
        for point in rows
    )


def _is_cumulative(series: Series) -> bool:
    return series.metric.temporality is Temporality.CUMULATIVE


def _together(a: Histogram, b: Histogram) -> Histogram | None:
    """Both added; None when one of them makes no sense."""
    try:
        state = histograms.merge((histograms.from_point(a), histograms.from_point(b)))
    except RowError:
        return None
    return a._replace(
        start_ns=min(a.start_ns, b.start_ns), count=state.count, sum=state.sum, min=state.min,
        max=state.max, scale=state.scale, zero=state.zero, offset=state.positive.offset,
        positive=state.positive.counts.tolist(), negative_offset=state.negative.offset,
        negative=state.negative.counts.tolist(), bounds=state.bounds,
    )  # fmt: skip
