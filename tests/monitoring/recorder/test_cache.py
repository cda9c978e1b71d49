"""Cache operations: each call once, with its hits and misses."""

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import CacheHandler
from django.core.cache.backends.locmem import LocMemCache

from apps.monitoring import recorder as api
from apps.monitoring.recorder import cache as instrument

pytestmark = pytest.mark.django_db(transaction=True)

BACKENDS = {
    "memory": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "rec"},
    "broken": {"BACKEND": f"{__name__}.Broken"},
}


class Broken(LocMemCache):
    """A server that is away."""

    def __init__(self, name, params):
        super().__init__("broken", params)

    def get(self, key, default=None, version=None):
        raise ConnectionError("away")


@pytest.fixture
def handler():
    made = CacheHandler(BACKENDS)
    instrument.install(made)
    instrument.install(made)
    yield made
    made["memory"].clear()


@pytest.fixture
def requests(attributes):
    """Operation and state of everything counted, and how often."""

    def read(alias="memory"):
        return {
            (dict(a)["cache.operation"], dict(a)["cache.state"]): int(count)
            for a, count in attributes("cache.requests").items()
            if dict(a)["cache.alias"] == alias
        }

    return read


def test_hits_and_misses_of_every_operation_are_counted_once(recorder, handler, requests):
    cache = handler["memory"]
    cache.set("a", 1)
    assert cache.get("a") == 1
    assert cache.get("b", "nothing") == "nothing"
    assert cache.get("b", default="named") == "named"
    assert cache.get_many(key for key in ("a", "b", "c")) == {"a": 1}
    cache.set_many({"d": 1, "e": 2})
    assert "a" in cache
    assert cache.touch("zzz") is False
    assert cache.incr("a") == 2
    with pytest.raises(ValueError, match="not found"):
        cache.incr("zzz")
    assert cache.get_or_set("f", 5) == 5
    cache.delete_many(["d", "e"])
    recorder.flush()
    assert requests() == {
        ("set", "ok"): 1, ("get", "hit"): 2, ("get", "miss"): 3, ("get_many", "hit"): 1,
        ("get_many", "miss"): 2, ("set_many", "ok"): 1, ("has_key", "hit"): 1,
        ("touch", "miss"): 1, ("incr", "ok"): 1, ("incr", "miss"): 1, ("add", "ok"): 1,
        ("delete_many", "ok"): 1,
    }  # fmt: skip


def test_a_stored_none_is_a_hit(recorder, handler, requests):
    handler["memory"].set("none", None)
    assert handler["memory"].get("none", "default") is None
    recorder.flush()
    assert requests()[("get", "hit")] == 1


def test_async_twins_are_counted_once(recorder, handler, requests):
    async def use():
        cache = handler["memory"]
        await cache.aset("a", 1)
        return await cache.aget("a"), await cache.aget("b", 7), await cache.aget_many(["a", "x"])

    assert async_to_sync(use)() == (1, 7, {"a": 1})
    recorder.flush()
    assert requests() == {
        ("set", "ok"): 1, ("get", "hit"): 1, ("get", "miss"): 1, ("get_many", "hit"): 1,
        ("get_many", "miss"): 1,
    }  # fmt: skip


def test_an_error_is_counted_and_passes_through(recorder, handler, requests):
    with pytest.raises(ConnectionError, match="away"):
        handler["broken"].get("a")
    recorder.flush()
    assert requests("broken") == {("get", "error"): 1}


def test_a_backend_stays_what_it_was(handler):
    cache = handler["memory"]
    assert isinstance(cache, LocMemCache)
    assert instrument.attach(cache, "memory") is cache
    assert type(cache).__mro__.count(instrument._Recording) == 1
    assert type(cache).__name__ == "LocMemCache"
    assert not any("pharos" in name for name in vars(cache))


def test_operations_of_a_span_are_its_children(recorder, handler, rows):
    with api.span("work"):
        handler["memory"].get("a")
    with api.suppressed():
        handler["memory"].get("a")
    recorder.flush()
    found = rows("SELECT n.value, parent_id IS NULL FROM tm_span s JOIN tm_name n"
                 " ON n.id = s.name_id ORDER BY 1")  # fmt: skip
    assert found == [("cache get", False), ("work", True)]


def test_children_beyond_the_limit_are_counted_but_not_listed(recorder, handler, rows, requests):
    with api.span("work"):
        for _ in range(100):
            handler["memory"].get("a")
    recorder.flush()
    assert requests() == {("get", "miss"): 100}
    assert rows("SELECT count(*) FROM tm_span WHERE kind = 3") == [(64,)]
    assert rows("SELECT attrs ->> 'pharos.spans.unlisted' FROM tm_span WHERE kind = 1") == [("36",)]
