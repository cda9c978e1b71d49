"""Evidence to look at: spans and log lines of a shop, also hostile ones."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import Batch, LogRecord, Resource, Span

# Inside the partitions of today, and long enough ago that nothing else writes there.
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
SHOP = Resource({"service.name": "evidence-shop"})
BANK = Resource({"service.name": "evidence-bank"})
INFO, WARN, ERROR = 9, 13, 17
HOSTILE = (
    "<script>document.title = 'owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "javascript:document.title='owned'",
    "paid \u202e00.001\u202c to \u2066evil\u2069",
    "bell \x07 and escape \x1b[31m red",
    "{{ 7 * 7 }} ${7*7} <b onmouseover=alert(1)>x</b>",
)


def ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1000


def span(name: str, start_ms: float, took_ms: float, **more) -> Span:
    start = ns(NOW) + round(start_ms * 1_000_000)
    fields = {
        "resource": SHOP, "trace_id": more.pop("trace", uuid4()).bytes,
        "span_id": more.pop("id", 1).to_bytes(8, "big"), "parent_id": None, "name": name,
        "kind": 2, "start_ns": start, "end_ns": start + round(took_ms * 1_000_000), "status": 0,
        "attrs": {}, **more,
    }  # fmt: skip
    if isinstance(fields["parent_id"], int):
        fields["parent_id"] = fields["parent_id"].to_bytes(8, "big")
    return Span(**fields)


def line(
    body: str, at: datetime = NOW, severity: int = INFO, trace: UUID | None = None, **attrs
) -> LogRecord:
    return LogRecord(SHOP, ns(at), ns(at), severity, body, attrs, trace.bytes if trace else None)


def store(*rows) -> None:
    for start in range(0, len(rows), 5000):
        part = rows[start : start + 5000]
        batch = Batch(
            spans=[row for row in part if isinstance(row, Span)],
            logs=[row for row in part if isinstance(row, LogRecord)],
        )
        assert committer().submit(batch).result(20).accepted == len(part)


def checkout(trace: UUID) -> list[Span]:
    """One order: twenty spans of two services, some of them at once, two failed."""
    spans = [span("POST /checkout", 0, 240, trace=trace, id=1, attrs={"http.route": "/checkout"})]
    spans += [
        span(
            "SELECT basket", 5 + n * 8, 6, trace=trace, id=10 + n, parent_id=1, kind=3,
            attrs={"db.query.text": f"SELECT * FROM basket WHERE id = {n}"},
        )
        for n in range(8)
    ]  # fmt: skip
    spans += [
        span("charge", 80, 120, trace=trace, id=30, parent_id=1, kind=3, status=2),
        span("POST /charges", 90, 100, trace=trace, id=31, parent_id=30, resource=BANK, status=2),
        span("INSERT ledger", 100, 20, trace=trace, id=32, parent_id=31, resource=BANK, kind=3),
        span("risk score", 105, 70, trace=trace, id=33, parent_id=31, resource=BANK, kind=1),
        span("send mail", 210, 25, trace=trace, id=40, parent_id=1, kind=4),
        span("stray", 150, 5, trace=trace, id=50, parent_id=999),
    ]
    return spans
