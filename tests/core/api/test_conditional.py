"""304 before anything is read, and answers kept for those who allow it."""

import pickle
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils.http import http_date
from django_redis import get_redis_connection

from apps.core.services import apikeys
from tests.core.api.urls import Kept, Versioned

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.api.urls")]
PATH = "/kit/versioned"


@pytest.fixture(autouse=True)
def fresh():
    Versioned.at, Versioned.built, Kept.built = "v1", 0, 0
    cache.clear()


@pytest.fixture
def tag(reader):
    return reader.get(PATH)["ETag"]


def asked(client, path=PATH, **headers):
    return client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_a_known_version_is_a_304_and_the_body_is_not_built(reader, tag):
    assert tag.startswith('W/"')
    answer = asked(reader, If_None_Match=tag)
    assert answer.status_code == 304
    assert answer.content == b""
    assert Versioned.built == 1


def test_the_304_has_the_headers_of_the_200(reader, tag):
    full, empty = reader.get(PATH), asked(reader, If_None_Match=tag)
    for name in ("ETag", "Cache-Control", "Vary"):
        assert full[name] == empty[name]
    assert full["Cache-Control"] == "private, max-age=0, must-revalidate"
    assert {"Authorization", "Cookie", "Accept-Language"} <= set(full["Vary"].split(", "))


@pytest.mark.parametrize("form", ["{}", '"x", {}', "*", 'W/"a",{},"b"', "{strong}"])
def test_lists_stars_and_strong_forms_match_weakly(reader, tag, form):
    header = form.format(tag, strong=tag.removeprefix("W/")) if "{strong}" not in form else ""
    assert asked(reader, If_None_Match=header or tag.removeprefix("W/")).status_code == 304


@pytest.mark.parametrize("header", ["", '"other"', "nonsense", 'W/""', "\x00", '"' * 5000])
def test_another_tag_or_nonsense_gets_the_body(reader, tag, header):
    assert asked(reader, If_None_Match=header).status_code == 200


def test_a_new_version_is_a_new_tag(reader, tag):
    Versioned.at = "v2"
    answer = asked(reader, If_None_Match=tag)
    assert answer.status_code == 200
    assert answer["ETag"] != tag


def test_an_unknown_version_makes_no_promise(reader):
    Versioned.at = None
    answer = asked(reader, If_None_Match="*")
    assert answer.status_code == 200
    assert "ETag" not in answer


def test_the_tag_belongs_to_the_caller_and_the_language(reader, staff_client, tag):
    _, secret = apikeys.create("other", ["read"])
    other = Client(headers={"Authorization": f"Bearer {secret}"})
    for client, headers in ((staff_client, {}), (other, {}), (reader, {"Accept_Language": "ko"})):
        answer = asked(client, If_None_Match=tag, **headers)
        assert answer.status_code == 200
        assert answer["ETag"] != tag


def test_who_may_not_see_it_gets_no_304(client, tag):
    assert asked(client, If_None_Match=tag).status_code == 401
    visitor = Client()
    visitor.force_login(User.objects.create_user("visitor"))
    assert asked(visitor, If_None_Match="*").status_code == 403


def test_a_wrong_query_is_refused_before_the_tag_is_looked_at(reader, tag):
    assert asked(reader, PATH + "?x=1", If_None_Match="*").status_code == 400


def test_a_version_that_is_a_time_answers_if_modified_since(reader):
    Versioned.at = datetime.now(UTC) - timedelta(hours=1)
    since = reader.get(PATH)["Last-Modified"]
    assert asked(reader, If_Modified_Since=since).status_code == 304
    later = http_date(Versioned.at.timestamp() + 1)
    assert asked(reader, If_Modified_Since=later).status_code == 200
    assert asked(reader, If_Modified_Since=since, If_None_Match='"x"').status_code == 200
    assert asked(reader, If_Modified_Since="yesterday").status_code == 200


def test_a_moment_that_is_not_over_is_no_last_modified(reader):
    Versioned.at = datetime.now(UTC)
    answer = reader.get(PATH)
    assert "Last-Modified" not in answer
    since = http_date(Versioned.at.timestamp())
    assert asked(reader, If_Modified_Since=since).status_code == 200


def test_a_kept_answer_is_built_once_for_the_same_inputs(reader):
    first, second = reader.get("/kit/kept"), reader.get("/kit/kept")
    assert first.json() == second.json()
    assert second["Content-Type"] == "application/json"
    assert Kept.built == 1


def test_every_input_is_in_the_key(reader, staff_client):
    calls = [
        lambda: reader.get("/kit/kept"),
        lambda: reader.get("/kit/kept", {"category": "all"}),
        lambda: reader.get("/kit/kept", {"category": "a"}),
        lambda: asked(reader, "/kit/kept", Accept_Language="ko"),
        lambda: staff_client.get("/kit/kept"),
    ]
    assert len({call().content for call in calls}) == Kept.built == len(calls)


def test_a_value_given_twice_is_refused_and_not_answered_with_what_is_kept_for_one(reader):
    assert reader.get("/kit/kept?category=a").json()["category"] == "a"
    for query in ("category=b&category=a", "category=a&category=a"):
        answer = reader.get(f"/kit/kept?{query}")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_input")


def test_an_error_is_never_kept(reader):
    for _ in range(2):
        assert reader.get("/kit/kept", {"category": "bad"}).status_code == 409
    assert Kept.built == 2


def test_a_cache_that_is_away_costs_the_caller_nothing(reader, monkeypatch):
    def away(*args, **kwargs):
        raise ConnectionError("gone")

    monkeypatch.setattr(type(cache._connections["default"]), "get", away)
    monkeypatch.setattr(type(cache._connections["default"]), "set", away)
    assert reader.get("/kit/kept").status_code == 200
    assert reader.get("/kit/kept").json()["built"] == 2


def _keys_of_answers():
    redis = get_redis_connection("default")
    return redis, list(redis.scan_iter("*answer:*"))


def test_an_answer_somebody_else_put_into_redis_is_not_given_out(reader):
    reader.get("/kit/kept")
    redis, (key,) = _keys_of_answers()
    kind = "text/html"
    for poison in (
        b"", b"\x80\x04.", b"not of us", msgspec.msgpack.encode([b"x" * 16, kind, b"<script>"]),
        msgspec.msgpack.encode([kind, b"<script>"]), msgspec.msgpack.encode({"a": 1}), b"5",
    ):  # fmt: skip
        redis.set(key, poison)
        answer = reader.get("/kit/kept")
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
        assert answer.json()["built"] == Kept.built


def test_nothing_read_from_redis_is_run(reader, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "run"), "w"))

    reader.get("/kit/kept")
    redis, (key,) = _keys_of_answers()
    redis.set(key, pickle.dumps(Evil()))
    assert reader.get("/kit/kept").status_code == 200
    assert not (tmp_path / "run").exists()
    with pytest.raises(TypeError):
        cache.set("x", Evil())


@pytest.mark.parametrize(
    "value",
    ["text", b"bytes", 5, True, 1.5, None, [1, "a"], {"a": [1]}, datetime(2026, 1, 1, tzinfo=UTC)],
)
def test_plain_values_come_back_from_the_cache(value):
    cache.set("plain", value)
    assert cache.get("plain") == value
