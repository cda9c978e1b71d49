"""Half-open time ranges: joining them, cutting holes, and asking for them in SQL."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from psycopg import sql

Ranges = list[tuple[datetime, datetime]]


def merged(ranges: Iterable[tuple[datetime, datetime]]) -> Ranges:
    """Overlapping and touching ranges joined, in order; empty ones dropped."""
    joined: Ranges = []
    for start, end in sorted(span for span in ranges if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def without(ranges: Sequence[tuple[datetime, datetime]], holes: Ranges) -> Ranges:
    """`ranges` minus `holes`; both merged and in order."""
    left: Ranges = []
    for start, end in ranges:
        at = start
        for low, high in holes:
            if high <= at or low >= end:
                continue
            if low > at:
                left.append((at, low))
            at = max(at, high)
        if at < end:
            left.append((at, end))
    return left


def between(column: str, ranges: Sequence[tuple[datetime, datetime]]) -> sql.Composed:
    """The condition that `column` lies in one of the ranges."""
    return sql.SQL("({})").format(
        sql.SQL(" OR ").join(
            sql.SQL("({0} >= {1} AND {0} < {2})").format(
                sql.Identifier(column), sql.Literal(low), sql.Literal(high)
            )
            for low, high in ranges
        )
    )
