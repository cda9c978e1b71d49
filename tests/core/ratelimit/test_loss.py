"""When Redis is gone: who decides, what it costs, who hears of it."""

import logging
import socket

import pytest

from apps.core.errors import UnavailableError
from apps.core.ratelimit import Limiter, Policy
from apps.core.ratelimit.breaker import Breaker
from tests.conftest import free_port

POLICY = Policy("default", 3)


@pytest.fixture
def dead():
    return Limiter(f"redis://127.0.0.1:{free_port()}/0", pause_s=3600)


def test_each_process_counts_for_itself(dead):
    assert [dead.take("k", POLICY).allowed for _ in range(5)] == [True] * 3 + [False] * 2


def test_a_route_may_choose_to_allow_or_to_refuse(dead):
    assert all(dead.take("k", POLICY, on_loss="allow").allowed for _ in range(9))
    with pytest.raises(UnavailableError):
        dead.take("k", POLICY, on_loss="refuse")


def test_the_loss_is_counted_each_time_and_logged_once(dead, caplog):
    heard = []
    dead.listen(lambda what, policy: heard.append((what, policy.name)))
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            dead.take("k", POLICY)
    assert heard.count(("uncounted", "default")) == 4
    assert heard.count(("refused", "default")) == 1
    assert sum("Redis is gone" in record.message for record in caplog.records) == 1
    assert dead.state() == {"counted_in": "this process"}


def test_a_redis_that_accepts_and_never_answers_is_waited_for_once():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        frozen = Limiter(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", pause_s=3600)
        asked = []
        original = frozen._window().take
        frozen._shared.take = lambda *args: asked.append(args) or original(*args)
        assert all(frozen.take("k", POLICY).allowed for _ in range(3))
        assert len(asked) == 1


def test_one_caller_tries_again_after_the_pause_and_the_others_go_on_without():
    now = 0.0
    breaker = Breaker(5, lambda: now)
    assert breaker.may_try()
    breaker.failed()
    assert not breaker.may_try()
    now = 5.0
    assert [breaker.may_try() for _ in range(3)] == [True, False, False]
    breaker.worked()
    assert breaker.may_try()
    assert not breaker.open


def test_counting_goes_back_to_redis_when_it_answers(settings):
    limiter = Limiter(settings.PHAROS_RATE_REDIS_URL, pause_s=0)
    limiter._breaker.failed()
    assert limiter.take("back", POLICY).allowed
    assert limiter.state() == {"counted_in": "redis"}
    limiter.forget()
    limiter._window().storage.close()
