"""How words about one alert join, and what is read of bodies nobody checked."""

from datetime import UTC, datetime, timedelta

import hypothesis
import pytest
from hypothesis import strategies as st

from apps.alerts.foreign.mapping import alerts_in, read_json, reading_of
from apps.alerts.foreign.merging import LONGEST_HOLD, Span, merged, span_of
from apps.alerts.foreign.told import (
    MOST_ALERTS,
    Told,
    moment,
    read_alert,
    read_many,
    read_webhook_alert,
)
from apps.core.errors import InvalidInputError

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOLD = timedelta(minutes=5)


def at(minutes):
    return NOW + timedelta(minutes=minutes)


def told(starts=None, ends=None):
    return Told({"alertname": "Down"}, {}, starts and at(starts), ends and at(ends))


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        (None, None, Span(NOW, at(5), timed=True)),
        (-10, None, Span(at(-10), at(5), timed=True)),
        (-10, 20, Span(at(-10), at(20), timed=False)),
        (None, 20, Span(NOW, at(20), timed=False)),
        (None, -3, Span(at(-3), at(-3), timed=False)),
        (60, None, Span(NOW, at(5), timed=True)),
        (60, 90, Span(NOW, at(90), timed=False)),
        (-1, 60 * 24 * 365, Span(at(-1), NOW + LONGEST_HOLD, timed=False)),
    ],
)
def test_the_times_of_one_telling(starts, ends, expected):
    assert span_of(told(starts, ends), NOW, HOLD) == expected


@pytest.mark.parametrize(
    ("why", "old", "new", "expected"),
    [
        ("the earliest start", (-5, 3, True), (-9, 5, True), (-9, 5, True)),
        ("the latest end somebody named", (-5, 20, False), (-5, 5, True), (-5, 20, False)),
        ("a timed end gives way", (-5, 20, True), (-5, 5, True), (-5, 5, True)),
        ("a later named end", (-5, 20, False), (-5, 30, False), (-5, 30, False)),
        ("resolved is resolved", (-5, 20, False), (-5, -1, False), (-5, -1, False)),
        ("another run is another", (-50, -20, False), (-5, 5, True), (-5, 5, True)),
    ],
)
def test_how_a_new_word_joins_the_last(why, old, new, expected):
    spans = [Span(at(a), at(b), timed=timed) for a, b, timed in (old, new, expected)]
    assert merged(spans[0], spans[1], NOW) == spans[2], why


@hypothesis.given(
    st.lists(
        st.tuples(st.integers(-60, 0), st.integers(-30, 60), st.booleans()), min_size=1, max_size=6
    )
)
def test_an_active_alert_never_begins_later_and_the_last_end_told_counts(words):
    span = None
    for starts, ends, timed in words:
        one = Span(at(starts), at(max(starts, ends)), timed=timed)
        after = one if span is None else merged(span, one, NOW)
        if span is not None and not span.over(NOW) and one.starts_at <= span.ends_at:
            assert after.starts_at == min(span.starts_at, one.starts_at)
        assert after.over(NOW) == one.over(NOW)
        span = after


GOOD = {"labels": {"alertname": "Down"}, "startsAt": "2026-01-31T11:00:00.123456789Z"}


def test_an_alert_as_prometheus_tells_it():
    one = read_alert(
        {**GOOD, "labels": {"alertname": "Down", "severity": "page", "empty": ""},
         "annotations": {"description": "long", "summary": "short"},
         "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus/graph?g0=x"},
        "[0]",
    )  # fmt: skip
    assert one.labels == {"alertname": "Down", "severity": "page"}
    assert (one.severity, one.summary, one.ends_at) == ("critical", "short", None)
    assert one.starts_at == datetime(2026, 1, 31, 11, 0, 0, 123456, tzinfo=UTC)
    assert one.url == "http://prometheus/graph?g0=x"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"labels": None}, "labels"),
        ({"labels": {}}, "labels"),
        ({"labels": {"a": ""}}, "labels"),
        ({"labels": {"a": 1}}, "labels.a"),
        ({"labels": {"": "x"}}, "labels"),
        ({"labels": {"a": "x\0"}}, "labels.a"),
        ({"labels": {"a": "\ud800"}}, "labels.a"),
        ({"labels": {"a": "x" * 5000}}, "labels.a"),
        ({"labels": {str(n): "x" for n in range(1000)}}, "labels"),
        ({"labels": ["a"]}, "labels"),
        ({"annotations": {"a": []}}, "annotations.a"),
        ({"startsAt": "yesterday"}, "startsAt"),
        ({"startsAt": "2026-13-01T00:00:00Z"}, "startsAt"),
        ({"startsAt": 12}, "startsAt"),
        ({"endsAt": "9999-99-99"}, "endsAt"),
        ({"endsAt": "2026-01-31T10:00:00Z"}, "endsAt"),
    ],
)
def test_what_is_wrong_is_named(change, field):
    with pytest.raises(InvalidInputError, match=rf"\[0\]\.{field}"):
        read_alert({**GOOD, **change}, "[0]")


def test_one_bad_alert_does_not_lose_the_others():
    read, problems = read_many([GOOD, {}, GOOD, 7], read_alert)
    assert (len(read), len(problems)) == (2, 2)
    for body in ({}, "x", None, [GOOD] * (MOST_ALERTS + 1)):
        with pytest.raises(InvalidInputError):
            read_many(body, read_alert)


def test_labels_in_another_order_are_the_same_and_no_others_are():
    one = Told({"a": "1", "b": "2"}, {}, None, None)
    same = Told({"b": "2", "a": "1"}, {}, None, None)
    other = Told({"a": "1\n1:b=1:2"}, {}, None, None)
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_a_bad_link_costs_nobody_an_alert():
    for url in ("javascript:alert(1)", 7, "x" * 3000, "http://" + "\0"):
        assert read_alert({**GOOD, "generatorURL": url}, "").url == ""


def test_the_webhook_of_alertmanager_tells_an_end_only_when_it_is_one():
    firing = read_webhook_alert({**GOOD, "status": "firing", "endsAt": "2026-01-31T11:30:00Z"}, "")
    over = read_webhook_alert({**GOOD, "status": "resolved", "endsAt": "2026-01-31T11:30:00Z"}, "")
    assert (firing.ends_at, over.ends_at) == (None, at(-30))
    with pytest.raises(InvalidInputError, match="status"):
        read_webhook_alert(GOOD, "")


class TestJsonOfAnyShape:
    def test_without_a_mapping_the_fields_have_their_names(self):
        reading = reading_of({})
        body = {"title": "Disk", "severity": "P1", "labels": {"host": "db1", "n": 3, "x": None}}
        [raw] = alerts_in(body, reading)
        one = read_json(raw, "", reading)
        assert one.labels == {"alertname": "Disk", "severity": "P1", "host": "db1", "n": "3"}
        assert (one.severity, one.ends_at) == ("critical", None)

    def test_a_mapping_finds_them_wherever_they_are(self):
        reading = reading_of(
            {"alerts": "data.items", "title": "what.0", "status": "state", "resolved": ["OK"],
             "labels": {"service.name": ["tags", "service.name"], "gone": "nowhere"},
             "summary": "text", "url": "link", "starts_at": "since"}
        )  # fmt: skip
        raw = {
            "what": ["Slow"], "state": "ok", "tags": {"service.name": "shop"}, "text": "Hm",
            "since": "2026-01-31T11:00:00+01:00", "link": "https://x.example/1",
        }  # fmt: skip
        [found] = alerts_in({"data": {"items": [raw]}}, reading)
        one = read_json(found, "", reading)
        assert one.labels == {"service.name": "shop", "alertname": "Slow"}
        assert one.ends_at == one.starts_at == datetime(2026, 1, 31, 10, tzinfo=UTC)
        assert (one.summary, one.url) == ("Hm", "https://x.example/1")

    def test_what_ended_at_no_known_time_has_ended(self):
        one = read_json({"title": "x", "status": "resolved"}, "", reading_of({}))
        assert one.ends_at is not None
        assert span_of(one, NOW, HOLD).over(NOW)

    @pytest.mark.parametrize(
        "mapping",
        [[], {"titel": "x"}, {"title": ""}, {"title": 7}, {"title": "a..b"}, {"resolved": "ok"},
         {"labels": {"": "x"}}, {"labels": {"a": None}}, {"title": ".".join("a" * 20)}],
    )  # fmt: skip
    def test_a_mapping_that_makes_no_sense_is_refused(self, mapping):
        with pytest.raises(InvalidInputError, match="mapping"):
            reading_of(mapping)

    @hypothesis.given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["title", "labels", "status", "a", "0"]), inner)
            ),
            max_leaves=12,
        )
    )
    def test_nothing_that_is_json_is_more_than_refused(self, body):
        reading = reading_of({"alerts": "a", "starts_at": "status"})
        try:
            for raw in alerts_in(body, reading):
                assert read_json(raw, "", reading).name
        except InvalidInputError:
            pass


@pytest.mark.parametrize("raw", ["", None, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+09:00"])
def test_the_zero_time_of_go_is_no_time(raw):
    assert moment(raw, "x") is None
