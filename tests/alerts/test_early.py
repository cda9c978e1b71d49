"""Rules judged when their figures are written, and on whose clock."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from apps.alerts import clock, conf, waking
from apps.alerts.evaluation import Summary, evaluate_due, evaluate_early
from apps.alerts.models import Episode, Instance, Rule, Tick
from apps.alerts.services import housekeeping
from apps.monitoring.intake import committed
from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series
from tests.alerts.conftest import T0, Bench

CPU = "system.cpu.utilization"


@pytest.fixture
def early(bench):
    """Judges the bench's rule between two ticks, so many seconds after the last moment."""

    def judge(*values, after_s=3.0):
        bench.now += timedelta(seconds=after_s)
        bench.source.values = [
            ({"host": f"h{n}"} if n else {}, value) for n, value in enumerate(values)
        ]
        return evaluate_early([CPU], bench.source, lambda: bench.now)

    return judge


@pytest.mark.django_db
@pytest.mark.usefixtures("no_wake_ups")
class TestOnWrite:
    def test_a_breach_fires_before_the_tick_and_the_tick_changes_nothing(self, bench, early):
        assert early(0.95).evaluated == 1
        episode = Episode.objects.get()
        assert episode.state == "firing"
        assert Rule.objects.get().next_eval_at == T0  # the ordinary tick stays due
        bench.now += timedelta(seconds=bench.rule.interval_s)
        evaluate_due(bench.source, lambda: bench.now)
        assert Episode.objects.get().pk == episode.pk

    def test_a_rule_is_judged_at_most_twice_a_second_and_the_rest_is_left_over(self, early):
        assert early(0.1) == Summary(evaluated=1)
        assert early(0.95, after_s=0.2) == Summary(left={CPU})
        assert early(0.95, after_s=0.3) == Summary(evaluated=1)
        assert Episode.objects.get().state == "firing"

    def test_what_is_missing_between_two_ticks_proves_nothing(self, early):
        early(0.95)
        for _ in range(5):
            early()
        for _ in range(5):
            early(None)
        assert Episode.objects.get().state == "firing"
        assert Instance.objects.get().missed == 0
        assert Rule.objects.get().no_data_since is None

    def test_an_error_between_two_ticks_is_not_counted(self, bench, early):
        bench.source.error = ValueError("down")
        for _ in range(5):
            early(0.95)
        assert Rule.objects.get().errors_in_row == 0
        assert not Episode.objects.exists()

    @pytest.mark.parametrize("value", [0.1, 0.95])
    def test_a_tick_that_comes_late_does_not_take_back_what_was_seen_since(
        self, bench, early, value
    ):
        Rule.objects.update(for_s=14)
        bench.tick(0.95)
        early(0.95, after_s=10)
        seen = Instance.objects.get()
        bench.source.values = [({}, value)]
        late = bench.now - timedelta(seconds=9)
        Rule.objects.update(next_eval_at=late)
        Tick.objects.filter(tick__gt=late - timedelta(seconds=15)).delete()
        evaluate_due(bench.source, lambda: late)
        assert Instance.objects.filter(fingerprint=seen.fingerprint).get().tick == seen.tick
        assert Episode.objects.count() == 1
        assert Rule.objects.get().last_error == ""

    def test_a_rule_that_waits_longer_than_its_interval_has_time(self, bench, early):
        Rule.objects.update(for_s=bench.rule.interval_s)
        assert early(0.95) == Summary()
        Rule.objects.update(for_s=bench.rule.interval_s - 1)
        assert early(0.95).evaluated == 1

    def test_only_metrics_of_rules_in_a_hurry_are_published(self, bench):
        hasty = waking._Hasty()
        hasty.learn()
        assert hasty.among({CPU, "other"}) == {CPU}
        Rule.objects.update(for_s=600)
        hasty.learn()
        assert hasty.among({CPU, "other"}) == set()

    def test_other_metrics_wake_nobody(self, bench):
        assert evaluate_early(["other"], bench.source, lambda: bench.now).evaluated == 0


class TestWaker:
    def test_without_a_database_all_names_are_published(self, monkeypatch):
        monkeypatch.setattr("apps.alerts.evaluation.engine.hasty_metrics", lambda: 1 / 0)
        hasty = waking._Hasty()
        hasty.learn()
        assert hasty.among({"a"}) == {"a"}

    def test_names_are_told_at_once_and_when_there_are_many_together(self, monkeypatch):
        told: list[set[str]] = []
        rested, go, last = threading.Event(), threading.Event(), threading.Event()

        def rest(seconds):
            if seconds > 0:
                rested.set()
                go.wait(20)

        def publish(names):
            told.append(set(names))
            if names == {"x", "y"}:
                last.set()
            else:
                heard.set()
            return True

        heard = threading.Event()
        monkeypatch.setattr(waking, "_rest", rest)
        monkeypatch.setattr(waking, "publish", publish)
        monkeypatch.setattr(waking.time, "monotonic", lambda: 100.0)
        monkeypatch.setattr(waking, "hasty", waking._Hasty())
        waking.hasty._known, waking.hasty._old_at = None, 200.0
        waker = waking.Waker()
        for name in "abcde":
            heard.clear()
            waker.heard([name])
            assert heard.wait(20)
        assert rested.wait(20)
        waker.heard(["x"])
        waker.heard(["y", "x"])
        go.set()
        assert last.wait(20)
        assert told == [{"a"}, {"b"}, {"c"}, {"d"}, {"e"}, {"x", "y"}]

    def test_a_metric_whose_rule_is_new_is_told_as_soon_as_that_is_known(self, monkeypatch):
        told: list[set[str]] = []
        done = threading.Event()

        def publish(names):
            told.append(set(names))
            if "new" in names:
                done.set()
            return True

        monkeypatch.setattr("apps.alerts.evaluation.engine.hasty_metrics", lambda: {"new", "old"})
        monkeypatch.setattr(waking, "publish", publish)
        monkeypatch.setattr(waking, "hasty", waking._Hasty())
        waking.hasty._known = {"old"}
        waking.Waker().heard(["new", "old", "other"])
        assert done.wait(20)
        assert told == [{"old"}, {"new"}]

    def test_what_comes_while_one_judges_or_is_left_over_is_judged_by_that_one(self, monkeypatch):
        monkeypatch.setattr(waking, "_rest", lambda seconds: None)
        turns = waking.Turns()
        judged = []

        def judge(names):
            judged.append(names)
            if len(judged) == 1:
                assert turns.take({"b"}, lambda names: 1 / 0) is False
                return {"a"}, 20.0
            return set(), 0.0

        assert turns.take({"a", "c"}, judge) is True
        assert judged == [{"a", "c"}, {"a", "b"}]
        with pytest.raises(ZeroDivisionError):
            turns.take({"a"}, lambda names: 1 / 0)
        assert turns.take({"a"}, judge) is True
        assert judged[2:] == [{"a"}]

    def test_what_is_left_over_for_long_goes_through_the_queue_again(self, monkeypatch):
        now = [0.0]
        heard: list[set[str]] = []
        monkeypatch.setattr(waking.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(waking, "_rest", lambda seconds: None)
        monkeypatch.setattr(waking.waker, "heard", lambda names: heard.append(set(names)))

        def judge(names):
            now[0] += 6
            return names, 0.0

        assert waking.Turns().take({"a"}, judge) is True
        assert (now[0], heard) == (12.0, [{"a"}])

    def test_after_a_long_judging_the_ordinary_ticks_have_as_long(self, monkeypatch):
        now, rests = [0.0], []
        monkeypatch.setattr(waking.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(waking, "_rest", rests.append)

        def judge(names):
            now[0] += 2
            return set(), 0.0

        assert waking.Turns().take({"a"}, judge)
        assert rests == [1.75]

    def test_without_a_broker_nothing_is_raised(self, monkeypatch):
        def fail(*args, **kwargs):
            raise ConnectionError("no redis")

        monkeypatch.setattr("celery.current_app.send_task", fail)
        assert waking.publish({"a"}) is False

    def test_the_committer_tells_the_names_of_what_it_committed(self, monkeypatch):
        heard: list[set[str]] = []
        monkeypatch.setattr(
            committed, "_metrics_listeners", [lambda names: heard.append(set(names))]
        )
        metric = Metric("m", "1", Kind.GAUGE)
        series = Series(metric, Resource({}), {})
        committed.tell([Batch(samples=[Sample(series, 1, 1.0), Sample(series, 2, 1.0)]), Batch()])
        committed.tell([Batch()])
        assert heard == [{"m"}]

    def test_a_listener_that_fails_harms_nobody(self, monkeypatch):
        heard = []
        monkeypatch.setattr(
            committed,
            "_metrics_listeners",
            [lambda names: 1 / 0, heard.append],
        )
        committed.tell_metrics(["m"])
        assert heard == [["m"]]

    def test_what_an_intake_process_keeps_of_names_is_bounded(self):
        names = committed.Names()
        names.add([str(n) for n in range(committed.MOST_NAMES)])
        names.add(["one more"])
        assert len(names.take()) == committed.MOST_NAMES
        assert names.take() == []


@pytest.mark.django_db
@pytest.mark.usefixtures("no_wake_ups")
class TestClock:
    @pytest.mark.parametrize(
        ("off_s", "judges"), [(0, True), (-6, True), (6, True), (61, False), (-61, False)]
    )
    def test_a_worker_far_off_the_databases_clock_judges_nothing(
        self, bench, monkeypatch, off_s, judges
    ):
        real = clock._own_s
        monkeypatch.setattr(clock, "_own_s", lambda: real() + off_s)
        bench.source.values = [({}, 0.95)]
        assert evaluate_due(bench.source).evaluated == judges

    def test_a_database_clock_that_stepped_far_back_does_not_stop_the_rules(self, bench):
        bench.tick(0.95)
        now = clock.db_now()
        # As it looks after the clock went back by an hour: due, and judged, in the future.
        Rule.objects.update(
            next_eval_at=now + timedelta(hours=1), last_tick=now + timedelta(hours=1)
        )
        Tick.objects.update(tick=now + timedelta(hours=1))
        assert evaluate_due(bench.source).evaluated == 0
        assert housekeeping.mend_clock() == 1
        bench.source.values = [({}, 0.95)]
        assert evaluate_due(bench.source).evaluated == 1
        # It is the same alert, and nobody is paged again.
        assert Episode.objects.get().events.filter(kind="fired").count() == 1

    def test_a_small_step_back_is_waited_for(self, bench):
        Rule.objects.update(next_eval_at=Now() + timedelta(seconds=40))
        assert housekeeping.mend_clock() == 0
        assert evaluate_due(bench.source).evaluated == 0


@pytest.mark.django_db
@pytest.mark.usefixtures("no_wake_ups")
def test_an_early_evaluation_of_many_rules_costs_few_statements(
    make_rule, source, django_assert_max_num_queries
):
    rules = [make_rule(name=f"rule {n}", scope={"host": str(n)}) for n in range(50)]
    bench = Bench(rules[0], source)
    source.values = [({}, 0.95)]
    with django_assert_max_num_queries(25):
        assert evaluate_early([CPU], source, lambda: bench.now).evaluated == 50
    assert Episode.objects.count() == 50
    assert conf.RULES_AT_ONCE >= 50
    assert connection.in_atomic_block


@pytest.mark.usefixtures("no_wake_ups")
@pytest.mark.django_db(transaction=True)
def test_a_rule_that_another_holds_is_left_over_and_the_others_are_judged(make_rule, source):
    held = make_rule(name="held", metric="held")
    make_rule(name="free", metric="free")
    source.values = [({}, 0.95)]
    locked, go = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Rule.objects.select_for_update().get(pk=held.pk)
            locked.set()
            go.wait(20)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(20)
    assert evaluate_early(["held", "free"], source) == Summary(evaluated=1, left={"held"})
    go.set()
    thread.join()
    assert evaluate_early(["held"], source) == Summary(evaluated=1)
