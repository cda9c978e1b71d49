"""The window itself: exact under threads and processes, exact across its edge, bounded."""

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter

from apps.core.ratelimit.memory_window import MemoryWindow
from apps.core.ratelimit.redis_window import RedisWindow
from tests.conftest import PROJECT, child_environment
from tests.servers import die_with_parent


@pytest.fixture
def window():
    window = RedisWindow(settings.PHAROS_RATE_REDIS_URL)
    yield window
    window.forget()
    window.storage.close()


def hammer(take, threads=16, each=40):
    """How many of 640 calls from 16 threads, let go at once, were allowed."""
    gate = threading.Barrier(threads)

    def run(_):
        gate.wait()
        return sum(take().allowed for _ in range(each))

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(run, range(threads)))


def test_limit_100_under_16_threads_lets_exactly_100_through(window):
    assert hammer(lambda: window.take("threads", 100, 60)) == 100


def test_the_local_window_is_as_exact():
    local = MemoryWindow()
    assert hammer(lambda: local.take("threads", 100, 60)) == 100


@pytest.mark.django_db
def test_several_processes_together_get_exactly_the_limit(window):
    program = textwrap.dedent("""
        import sys, threading
        import django
        django.setup()
        from django.conf import settings
        from apps.core.ratelimit.redis_window import RedisWindow
        window = RedisWindow(settings.PHAROS_RATE_REDIS_URL)
        print("ready", flush=True)
        sys.stdin.readline()
        allowed = []
        def run():
            for _ in range(40):
                allowed.append(window.take("processes", 100, 60).allowed)
        threads = [threading.Thread(target=run) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        print(sum(allowed), flush=True)
    """)
    environment = {**child_environment("web", 8000), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program], cwd=PROJECT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent,
        )
        for _ in range(3)
    ]  # fmt: skip
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    allowed = [int(child.communicate()[0]) for child in children]
    assert sum(allowed) == 100


def put(window, key, *ages_s):
    """Requests made so many seconds ago, by the clock of the server."""
    seconds, microseconds = window.storage.time()
    now = seconds * 1_000_000 + microseconds
    for age_s in sorted(ages_s, reverse=True):
        window.storage.lpush(window.prefixed_key(key), f"{now - int(age_s * 1e6):.0f}")


def test_a_burst_at_the_end_of_one_window_leaves_nothing_for_the_next(window):
    """Where counters of fixed windows let twice the limit through."""
    put(window, "edge", 61, *[30] * 99)
    assert window.take("edge", 100, 60).allowed
    verdict = window.take("edge", 100, 60)
    assert not verdict.allowed
    assert 29 < verdict.retry_after_s <= 30


def test_what_is_older_than_the_window_counts_no_more(window):
    put(window, "old", *[60.001] * 100)
    verdict = window.take("old", 100, 60)
    assert (verdict.allowed, verdict.remaining) == (True, 99)


def test_a_cost_is_taken_whole_or_not_at_all(window):
    assert window.take("cost", 10, 60, 8).remaining == 2
    refused = window.take("cost", 10, 60, 5)
    assert (refused.allowed, refused.remaining) == (False, 2)
    assert window.take("cost", 10, 60, 2).allowed
    assert not window.take("cost", 10, 60).allowed


def test_the_wait_is_until_as_much_as_was_asked_for_is_free(window):
    put(window, "wait", 50, 40, 30)
    verdict = window.take("wait", 4, 60, 3)
    assert not verdict.allowed
    assert 19 < verdict.retry_after_s <= 20


def test_a_caller_costs_bounded_memory_and_is_forgotten(window):
    for _ in range(30):
        window.take("bound", 10, 60)
    key = window.prefixed_key("bound")
    assert window.storage.llen(key) == 10
    assert 0 < window.storage.pttl(key) <= 60_000


def test_a_refusal_does_not_extend_the_wait(window):
    put(window, "still", *[59] * 10)
    first = window.take("still", 10, 60)
    second = window.take("still", 10, 60)
    assert second.retry_after_s <= first.retry_after_s <= 1


def test_the_library_s_own_strategy_runs_on_it(window):
    strategy = MovingWindowRateLimiter(window)
    item = RateLimitItemPerMinute(2)
    assert [strategy.hit(item, "someone") for _ in range(3)] == [True, True, False]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 4)), max_size=60), st.integers(4, 9))
def test_in_no_window_is_more_allowed_than_the_limit(steps, limit):
    now = 0.0
    local = MemoryWindow(lambda: now)
    times: list[float] = []
    for wait, cost in steps:
        now += wait
        used = sum(1 for at in times if at > now - 60)
        verdict = local.take("k", limit, 60, cost)
        assert verdict.allowed == (used + cost <= limit)
        if verdict.allowed:
            times += [now] * cost
            assert verdict.remaining == limit - used - cost
        else:
            later = now + verdict.retry_after_s
            assert sum(1 for at in times if at > later - 60) + cost <= limit


def test_the_local_window_forgets_whom_it_has_not_seen_longest(monkeypatch):
    monkeypatch.setattr("apps.core.ratelimit.memory_window._MOST_KEYS", 10)
    local = MemoryWindow()
    for number in range(50):
        local.take(str(number), 1, 60)
    assert len(local._times) == 10
    assert not local.take("49", 1, 60).allowed
