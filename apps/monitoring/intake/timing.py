"""How old telemetry is when it is stored, and how far its sender's clock is from ours."""

from typing import Final

from apps.monitoring.store.rows import Batch, Resource

_MOST_SERVICES: Final = 20


def lag_s(batch: Batch, now_ns: int) -> float | None:
    """Seconds from the event in the middle of the batch to now; None without rows.

    The middle stands for all: senders hand in what happened over some seconds, in order.
    """
    if batch.spans:
        event_ns = batch.spans[len(batch.spans) // 2].end_ns
    elif batch.logs:
        event_ns = batch.logs[len(batch.logs) // 2].time_ns
    elif batch.samples:
        event_ns = batch.samples[len(batch.samples) // 2].time_ns
    elif batch.histograms:
        event_ns = batch.histograms[len(batch.histograms) // 2].time_ns
    else:
        return None
    return max(0.0, (now_ns - event_ns) / 1e9)


def clocks(batch: Batch, received_ns: int) -> dict[str, float]:
    """Service → seconds between its newest event and the arrival of the request.

    The last row of each resource stands for its newest: rows of a resource are together and in
    order. What is left after a median over many requests is the time on the way, a second or two
    of batching, and the difference of the clocks.
    """
    newest: dict[Resource, int] = {}
    for span in batch.spans:
        newest[span.resource] = span.end_ns
    for record in batch.logs:
        newest[record.resource] = record.observed_ns or record.time_ns
    # Points carry the time of a collection interval, which says nothing of a clock's error.
    found: dict[str, float] = {}
    for resource, event_ns in newest.items():
        if len(found) >= _MOST_SERVICES:
            break
        found[resource.service] = (received_ns - event_ns) / 1e9
    return found
