"""Every kind of condition on the real store, now and over the past."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from apps.alerts.evaluation.reading import StoreSource, read
from apps.alerts.models import Rule
from apps.alerts.services import previews, rulebook
from apps.alerts.services.rulebook import RuleWish
from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange
from apps.monitoring.intake.commit import committer
from apps.monitoring.store import rollups
from apps.monitoring.store.rows import (
    Batch,
    Histogram,
    Kind,
    LogRecord,
    Metric,
    Resource,
    Sample,
    Series,
    Span,
    Temporality,
)
from tests.monitoring.store.conftest import store  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("store", "no_rules")]

SHOP = Resource({"service.name": "shop", "host.name": "web-1"})
AGE = Metric("queue.age", "s", Kind.GAUGE)
HITS = Metric("cache.requests", "{request}", Kind.SUM, Temporality.DELTA, monotonic=True)
TIMES = Metric("request.duration", "s", Kind.HISTOGRAM, Temporality.DELTA)
HOURS = 3
SECOND_NS = 10**9
# Minutes ago in which things went wrong: two stretches, one of them still going on.
BAD = {*range(100, 115), *range(12)}


def write():
    """Three hours of everything, a point each minute; worse in the bad minutes."""
    now = time.time_ns() - 2 * SECOND_NS
    batch = Batch()
    for minute in range(HOURS * 60):
        at, bad = now - minute * 60 * SECOND_NS, minute in BAD
        before = at - 60 * SECOND_NS
        batch.samples.append(Sample(Series(AGE, SHOP, {"queue": "q"}), at, 90.0 if bad else 10.0))
        for state, count in (("hit", 60 if bad else 95), ("miss", 40 if bad else 5)):
            series = Series(HITS, SHOP, {"cache.state": state})
            batch.samples.append(Sample(series, at, float(count), before))
        bucket = [0, 100] if bad else [100, 0]
        batch.histograms.append(
            Histogram(
                Series(TIMES, SHOP, {}),
                before,
                at,
                100,
                50.0,
                None,
                None,
                None,
                0,
                0,
                [*bucket, 0],
                bounds=(0.1, 2.0),
            )
        )
        for n in range(6 if bad else 1):
            start = at + n * 1000
            level = 17 if bad else 9
            batch.logs.append(
                LogRecord(SHOP, start, start, level, f"pay timeout {n}", {"n": str(n)})
            )
            batch.spans.append(
                Span(
                    SHOP,
                    (minute * 10 + n + 1).to_bytes(16),
                    (n + 1).to_bytes(8),
                    None,
                    "GET /pay",
                    2,
                    start - SECOND_NS,
                    start,
                    2 if bad else 0,
                    {"card": "visa"},
                )
            )
    assert committer().ingest(batch).rejected == 0
    committer().close()


def now_of(**fields):
    rule = Rule(**{"name": "R", "window_s": 300, "for_s": 60, **fields})
    rulebook.validate(rule)
    return rule, list(read(rule, StoreSource()).values())


def test_every_kind_reads_the_store_and_the_past():
    write()
    # What entered a service is read from its minutes where a range is long.
    rollups.roll_up()
    age = {"metric": "queue.age", "by": ["queue"], "warning": 50.0}
    kinds = {
        "threshold": age,
        "p95": {"metric": "request.duration", "aggregation": "p95", "warning": 0.5},
        "ratio": {
            "metric": "cache.requests", "aggregation": "ratio", "direction": "below",
            "numerator_scope": {"cache.state": "hit"}, "warning": 0.8,
        },
        "change": {
            **age, "condition": "change", "config": {"of": "percent", "ago_s": 1800},
            "warning": 100.0,
        },
        "anomaly": {**age, "condition": "anomaly", "config": {"season": "none"}, "warning": 6.0},
        "log": {
            "condition": "log", "by": ["service.name"], "scope": {"n": "0"}, "warning": 2.0,
            "config": {"text": "timeout", "level": "error"},
        },
        "log by level": {"condition": "log", "by": ["level"], "warning": 12.0},
        "trace": {
            "condition": "trace", "by": ["service.name", "span.name"], "warning": 0.5,
            "config": {"measure": "error_share"},
        },
        "trace by attribute": {
            "condition": "trace", "scope": {"card": "visa"}, "warning": 2.0,
            "config": {"measure": "errors"},
        },
        "slow spans": {"condition": "trace", "config": {"measure": "p95"}, "warning": 0.5},
    }  # fmt: skip
    end = datetime.now(UTC)
    past = TimeRange(end - timedelta(hours=HOURS - 0.75), end)
    for name, fields in kinds.items():
        rule, found = now_of(**fields)
        if name == "slow spans":
            assert found[0].value == pytest.approx(1.0), name
            continue
        worst = {one.severity(rule) for one in found}
        assert "warning" in worst, (name, found)
        told = previews.preview(rule, past)
        assert not told.partial, name
        assert told.groups, name
        # Twice: once over and ended, once still going on.
        ends = sorted(one.end is not None for one in told.firings)
        assert ends == [False, True], (name, told.firings)
        assert told.lines[0].points, name


def test_a_burn_rate_is_read_over_all_its_windows():
    write()
    rule, (one,) = now_of(
        metric="cache.requests", condition="burn", numerator_scope={"cache.state": "miss"},
        config={"objective": 0.99, "fewest_events": 10},
    )  # fmt: skip
    # The six hours of the other pair, and the five minutes that are still bad.
    assert one.severity(rule) == "critical"
    assert one.facts["bad"] > 10
    assert one.facts["budget_left"] < 0


def test_silence_is_found_by_the_series_that_reported_before():
    write()
    rule = Rule.objects.create(
        name="Silent", metric="queue.age", condition="absence", by=["queue"], warning=600.0,
        window_s=300,
    )  # fmt: skip
    (one,) = read(rule, StoreSource()).values()
    assert one.value < 120
    assert rule.seen.get().labels == {"queue": "q"}
    assert previews.preview(rule, _hours(2)).fired == 0


def test_a_preview_tells_in_words_and_with_easier_and_harder_thresholds():
    write()
    wish = RuleWish({"name": "Age", "metric": "queue.age", "warning": 85.0, "for_s": 120})
    told = previews.preview(rulebook.draft(wish), _hours(2.25))
    assert told.sentence == "Would have fired 2 times in 2 h 15 min."
    assert {v.share: v.fired for v in told.variants} == {-0.2: 2, -0.1: 2, 0.1: 0, 0.2: 0}
    # A clear value that holds the first alert until the second joins them into one.
    joined = RuleWish({**wish.fields, "clear_warning": 5.0})
    assert previews.preview(rulebook.draft(joined), _hours(2.25)).fired == 1
    with pytest.raises(InvalidInputError, match="31 days"):
        previews.preview(rulebook.draft(wish), _hours(32 * 24))
    with pytest.raises(InvalidInputError, match=r"queue\.age"):
        rulebook.set_by_name(RuleWish({"name": "X", "metric": "queue.agee", "warning": 1}), "ann")
    with pytest.raises(InvalidInputError, match="has no p95"):
        rulebook.set_by_name(RuleWish({**wish.fields, "aggregation": "p95"}), "ann")
    empty = previews.preview(
        rulebook.draft(RuleWish({"metric": "no.such", "warning": 1.0}, force=True)), _hours(2)
    )
    assert empty.sentence.startswith("No figures")


def _hours(hours: float) -> TimeRange:
    end = datetime.now(UTC)
    return TimeRange(end - timedelta(hours=hours), end)
