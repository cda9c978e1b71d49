"""What counts as a difference, and what is only chance, habit, or too little to say."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from apps.core.timerange import TimeRange
from apps.monitoring.models import Deployment
from apps.monitoring.queries import significance, trends
from apps.monitoring.queries.red import Wanted
from apps.monitoring.services import regressions
from apps.monitoring.store import histograms, rollups
from apps.monitoring.store.rows import Batch, Resource
from apps.monitoring.store.writer import Writer
from tests.monitoring.store import make


def sample(seed, n, scale=1.0, spread=0.5):
    """A histogram of n durations around 100 ms, as requests have them: log-normal."""
    values = np.random.default_rng(seed).lognormal(np.log(0.1 * scale), spread, n)
    return histograms.from_values(values)


def test_the_rank_sum_equals_that_of_all_pairs():
    chance = random.Random(1)
    a = [float(chance.randint(1, 40)) for _ in range(60)] + [0.0] * 3
    b = [float(chance.randint(1, 60)) for _ in range(50)]
    likelihood, z = significance.rank_sum(histograms.from_values(a), histograms.from_values(b))
    place = [[int(histograms.index_of(v)) if v else -10_000 for v in values] for values in (a, b)]
    pairs = sum((y > x) + (y == x) / 2 for x in place[0] for y in place[1])
    assert likelihood == pytest.approx(pairs / (len(a) * len(b)))
    assert z > 0


def test_two_samples_of_one_distribution_hardly_ever_differ():
    verdicts = [
        significance.durations(sample(seed, 400), sample(seed + 10_000, 400)).verdict
        for seed in range(200)
    ]
    assert set(verdicts) == {"same"}


@pytest.mark.parametrize(("scale", "verdict"), [(1.5, "slower"), (0.6, "faster"), (1.03, "same")])
def test_a_shift_that_matters_is_named(scale, verdict):
    found = significance.durations(sample(1, 2000), sample(2, 2000, scale))
    assert found.verdict == verdict
    assert found.change == pytest.approx(scale - 1, abs=0.12)


def test_few_requests_allow_no_verdict():
    assert significance.durations(sample(1, 99), sample(2, 5000, 3)).verdict == "too few"
    assert significance.shares((0, 50), (50, 50)) == "too few"


def test_a_change_of_microseconds_matters_to_nobody():
    assert significance.durations(sample(1, 5000, 0.001), sample(2, 5000, 0.002)).verdict == "same"


def test_error_shares_and_rates_are_judged_alike():
    assert significance.shares((1, 1000), (80, 1000)) == "more"
    assert significance.shares((80, 1000), (1, 1000)) == "fewer"
    assert significance.shares((10, 1000), (12, 1000)) == "same"
    assert significance.shares((0, 1000), (0, 1000)) == "same"
    assert significance.rates((1000, 60.0), (100, 60.0)) == "fewer"
    assert significance.rates((1000, 60.0), (1300, 60.0)) == "same"
    assert significance.rates((0, 60.0), (500, 60.0)) == "more"


SHOP = Resource({"service.name": "shop"})


def spans(start, n, ms, name="GET /", minutes=8):
    chance = random.Random(f"{start}{name}")
    for i in range(n):
        begin = int(start.timestamp() * 1e9) + i * minutes * 60 * 10**9 // n
        took = int(ms * 1e6 * chance.lognormvariate(0, 0.3))
        yield make.span(name, SHOP, begin, end_ns=begin + took)


def test_a_regression_is_news_and_a_habit_is_none(store, monkeypatch):
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    now = TimeRange(end - timedelta(minutes=10), end)
    day, ago = timedelta(days=1), timedelta(minutes=10)
    batch = [
        *spans(now.start, 300, 300, "new"), *spans(now.start - ago, 300, 100, "new"),
        *spans(now.start - day, 300, 100, "new"),
        # Each day at this time it is slow.
        *spans(now.start, 300, 300, "habit"),
        *spans(now.start - ago, 300, 100, "habit"),
        *spans(now.start - day, 300, 300, "habit"),
    ]  # fmt: skip
    writer = Writer()
    writer.write([Batch(spans=batch)])
    writer.close()
    rollups.roll_up(budget_s=60)
    found = {o.name: t for o, t in trends.trends(now, Wanted(service="shop")).items()}
    assert [one.what for one in found["new"].against] == ["before", "day"]
    assert found["new"].regressed
    assert not found["habit"].regressed
    deployed = Deployment(service="shop", version="2", at=now.start)
    after = {o.name: t for o, t in trends.around(deployed, end).items()}
    assert after["new"].regressed
    monkeypatch.setattr(regressions, "_WINDOW", timedelta(minutes=10))
    assert regressions.watch(end)["shop"] == (1, 0)
    assert trends.around(deployed, now.start + timedelta(minutes=2)) == {}
