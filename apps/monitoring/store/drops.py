"""Metrics an operator drops at the door: what is dropped is counted, never silently lost.

The sender is told that all is well, as by a filter in a collector: a refusal would make it warn
its own people of something that is wanted.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import psycopg

from apps.monitoring.store.rows import Batch, Histogram, Sample

_EVERY_S: Final = 10.0
DROPPED: Final = "pharos.intake.dropped"


class Drops:
    """The rules as one writer knows them, read anew every ten seconds."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._until = 0.0

    def applied(
        self, connection: "psycopg.Connection[Any]", batches: Sequence[Batch]
    ) -> Sequence[Batch]:
        """The batches, in their order, without points of dropped metrics."""
        now = time.monotonic()
        if now >= self._until:
            rows = connection.execute("SELECT name FROM tm_drop").fetchall()
            self._names = frozenset(row[0] for row in rows)
            self._until = now + _EVERY_S
        if not self._names:
            return batches
        gone: Counter[str] = Counter()
        kept = [self._without(batch, gone) for batch in batches]
        _tell(gone)
        return kept

    def _without(self, batch: Batch, gone: Counter[str]) -> Batch:
        samples, histograms = batch.samples, batch.histograms
        if not samples and not histograms:
            return batch
        return replace(
            batch, samples=self._kept(samples, gone), histograms=self._kept(histograms, gone)
        )

    def _kept(self, rows: Any, gone: Counter[str]) -> Any:
        kept = []
        for row in rows:
            name = _name(row)
            if name in self._names:
                gone[name] += 1
            else:
                kept.append(row)
        return kept


def _name(row: Sample | Histogram) -> str:
    return row.series.metric.name


def _tell(gone: Counter[str]) -> None:
    if not gone:
        return
    # Late: the recorder's shipper writes through this module's package.
    from apps.monitoring import recorder

    for name, count in gone.items():
        attrs = {"metric.name": name[:255], "reason": "drop_rule"}
        recorder.count(DROPPED, count, "{point}", attrs)
