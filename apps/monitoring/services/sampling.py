"""The sampling policy: what it would do, switching it on and off."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import psycopg
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.core import caller
from apps.core.errors import ConflictError, UnavailableError
from apps.core.services import audit
from apps.monitoring.models import LegalHold, SamplingPolicy
from apps.monitoring.store import connect, interest
from apps.monitoring.store.interest import Held, Interest, Reason
from apps.monitoring.store.thinning import Plan

PREVIEWED: Final = timedelta(hours=24)
_TIMEOUT_S: Final = 25.0
# A preview looks at so many spans; beyond that at a share of the traces.
_MOST_SPANS: Final = 2_000_000
_RULES: Final = (
    "hot_h", "keep_days", "keep_errors", "slow_quantile", "slow_ms", "keep_first_seen",
    "attributes", "share",
)  # fmt: skip


@dataclass(frozen=True)
class Preview:
    """What a policy would keep of the last 24 hours.

    `judged` is the share of traces looked at; counts and bytes are scaled up from it. `reasons`
    counts traces, one under every reason that holds. `day_bytes` is what one day costs after its
    hot time, `total_bytes` what all days cost together once the policy is as old as it keeps.
    """

    start: str
    end: str
    judged: float
    traces: int
    kept_traces: int
    spans: int
    kept_spans: int
    reasons: dict[str, int]
    day_bytes: int
    total_bytes: int
    bytes_without: int


def interest_of(policy: SamplingPolicy) -> Interest:
    """The policy as the store judges by it."""
    return Interest(
        errors=policy.keep_errors,
        slow_quantile=policy.slow_quantile,
        slow_us=None if policy.slow_ms is None else policy.slow_ms * 1000,
        first_seen=policy.keep_first_seen,
        attributes=policy.rules,
        share=policy.share,
    )


def holds() -> tuple[Held, ...]:
    """What must not go, whatever retention says."""
    active = LegalHold.objects.filter(active=True)[:1000]
    return tuple(Held(hold.service, hold.start, hold.end) for hold in active)


def plan() -> Plan:
    """How days of spans that are over are treated now."""
    policy = SamplingPolicy.objects.filter(enabled=True).first()
    if policy is None:
        return Plan(None, "", timedelta(0), timedelta(0), holds())
    hot, keep = timedelta(hours=policy.hot_h), timedelta(days=policy.keep_days)
    return Plan(interest_of(policy), policy.name, hot, keep, holds())


def preview(policy: SamplingPolicy) -> Preview:
    """What the policy would keep of the last 24 hours; remembered with the policy.

    Raises UnavailableError when that takes too long.
    """
    now = datetime.now(UTC)
    # As it is stored: what is previewed must be what is enabled.
    policy.refresh_from_db()
    try:
        with connect.open_connection("pharos-preview", _TIMEOUT_S) as raw, raw.cursor() as cursor:
            found = _judged(cursor, policy, now)
            raw.rollback()
    except psycopg.errors.QueryCanceled as error:
        raise UnavailableError(_("The preview takes too long.")) from error
    SamplingPolicy.objects.filter(pk=policy.pk).update(
        previewed_at=now, preview=asdict(found), preview_of=_digest(policy)
    )
    policy.refresh_from_db()
    return found


def _judged(cursor: "psycopg.Cursor[Any]", policy: SamplingPolicy, now: datetime) -> Preview:
    start = now - timedelta(days=1)
    fraction = min(1.0, _MOST_SPANS / max(1, _rows(cursor, start, now)))
    interest.judge(
        cursor, start, now, interest_of(policy), now=now, held=holds(), fraction=fraction
    )
    cursor.execute(
        "SELECT count(*), count(weight), coalesce(sum(spans), 0)::int8,"
        " coalesce(sum(spans) FILTER (WHERE weight IS NOT NULL), 0)::int8 FROM verdict"
    )
    traces, kept, spans, kept_spans = (round(n / fraction) for n in cursor.fetchone() or ())
    cursor.execute(
        "SELECT bit, count(*) FROM verdict, unnest(%s::int[]) AS bit"
        " WHERE weight IS NOT NULL AND kept & bit <> 0 GROUP BY bit",
        [[int(reason) for reason in Reason]],
    )
    reasons = dict.fromkeys((str(reason.name).lower() for reason in Reason), 0)
    for bit, n in cursor.fetchall():
        reasons[str(Reason(bit).name).lower()] = round(n / fraction)
    row_bytes = _row_bytes(cursor)
    hot_days = policy.hot_h / 24
    day, full = round(kept_spans * row_bytes), spans * row_bytes
    return Preview(
        start.isoformat(), now.isoformat(), fraction, traces, kept, spans, kept_spans, reasons,
        day, round(full * hot_days + day * (policy.keep_days - hot_days)),
        round(full * policy.keep_days),
    )  # fmt: skip


_PARTITIONS: Final = (
    "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = 'tm_span'::regclass"
)


def _rows(cursor: "psycopg.Cursor[Any]", start: datetime, end: datetime) -> int:
    """About how many spans lie in the range, as the planner sees it."""
    cursor.execute(
        "EXPLAIN (FORMAT JSON) SELECT FROM tm_span WHERE ts >= '"
        f"{start.isoformat()}' AND ts < '{end.isoformat()}'"
    )
    row = cursor.fetchone()
    return int(row[0][0]["Plan"]["Plan Rows"]) if row else 0


def _row_bytes(cursor: "psycopg.Cursor[Any]") -> float:
    """Bytes of a span with its indexes, from partitions whose rows have been counted."""
    cursor.execute(
        "SELECT sum(pg_total_relation_size(c.oid)) / nullif(sum(c.reltuples), 0)"
        f" {_PARTITIONS} AND c.reltuples > 1000"
    )
    row = cursor.fetchone()
    # Without statistics yet: what was measured on ordinary spans.
    return float(row[0]) if row and row[0] is not None else 500.0


def _digest(policy: SamplingPolicy) -> str:
    values = {name: getattr(policy, name) for name in _RULES}
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


def previewed(policy: SamplingPolicy) -> bool:
    """Whether the policy as it is was previewed in the last 24 hours."""
    recent = policy.previewed_at and datetime.now(UTC) - policy.previewed_at < PREVIEWED
    return bool(recent) and policy.preview_of == _digest(policy)


def enable(policy: SamplingPolicy) -> None:
    """Switch the policy on, and another one off.

    Raises ConflictError unless it was previewed as it is within the last 24 hours.
    """
    with transaction.atomic():
        locked = {row.pk: row for row in SamplingPolicy.objects.select_for_update().order_by("pk")}
        current = locked.get(policy.pk)
        if current is None or not previewed(current):
            raise ConflictError(_("Preview the policy as it is now, then enable it."))
        for other in locked.values():
            if other.enabled and other.pk != current.pk:
                _switch(other, on=False)
        if not current.enabled:
            _switch(current, on=True)


def disable(policy: SamplingPolicy) -> None:
    """Switch the policy off: days thinned already stay as they are."""
    with transaction.atomic():
        current = SamplingPolicy.objects.select_for_update().filter(pk=policy.pk).first()
        if current is not None and current.enabled:
            _switch(current, on=False)


def _switch(policy: SamplingPolicy, *, on: bool) -> None:
    SamplingPolicy.objects.filter(pk=policy.pk).update(enabled=on)
    audit.record(
        caller.actor(), "samplingpolicy.enable" if on else "samplingpolicy.disable", str(policy),
        {"enabled": not on}, {"enabled": on},
    )  # fmt: skip
