"""The one parser of time ranges."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import InvalidInputError
from apps.core.timerange import TimeRange

NOW = datetime(2026, 3, 29, 1, 30, 15, tzinfo=UTC)  # Sunday; clocks change in Europe that night


def parse(from_: str, to: str = "now") -> TimeRange:
    return TimeRange.parse(from_, to, NOW)


def test_the_default_is_the_last_hour():
    span = TimeRange.parse(now=NOW)
    assert (span.start, span.end) == (NOW - timedelta(hours=1), NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now-6h", datetime(2026, 3, 28, 19, 30, 15, tzinfo=UTC)),
        ("now-1d/d", datetime(2026, 3, 28, tzinfo=UTC)),
        ("now/h", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("now/w", datetime(2026, 3, 23, tzinfo=UTC)),  # Monday
        ("2026-03-28", datetime(2026, 3, 28, tzinfo=UTC)),
        ("2026-03-28T10:00:00Z", datetime(2026, 3, 28, 10, tzinfo=UTC)),
        ("2026-03-28T10:00:00+09:00", datetime(2026, 3, 28, 1, tzinfo=UTC)),
        ("1774692000000", datetime(2026, 3, 28, 10, tzinfo=UTC)),
    ],
)
def test_an_end_may_be_relative_or_iso_or_milliseconds(text, expected):
    start = parse(text).start
    assert start == expected
    assert start.tzinfo is UTC


def test_rounding_widens_so_that_now_d_to_now_d_is_all_of_today():
    span = parse("now/d", "now/d")
    assert span.start == datetime(2026, 3, 29, tzinfo=UTC)
    assert span.end == datetime(2026, 3, 30, tzinfo=UTC)


def test_a_day_has_24_hours_whatever_the_clocks_do():
    assert parse("now-1d").duration == timedelta(hours=24)


def test_the_range_holds_its_start_but_not_its_end():
    span = parse("now-1h")
    assert span.start in span
    assert span.end not in span


def test_times_of_other_zones_become_utc():
    local = NOW.astimezone(timezone(timedelta(hours=9)))
    assert TimeRange.parse(now=local).end.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "now-", "now-6", "now-6x", "now-6h/y", "now--6h", "-1", "1e3", "now-٦h",
        "now-999999999w", "99999999999999", "0001-01-01", "9999-12-31T23:59:59-23:59", "2026-13-01",
        "x" * 100_000, "\0",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_the_mend(text):
    with pytest.raises(InvalidInputError) as caught:
        parse(text)
    assert "now-6h" in caught.value.message
    assert caught.value.details == {"parameter": "from"}
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(("from_", "to"), [("now", "now"), ("now", "now-1h")])
def test_an_empty_or_backward_range_is_refused(from_, to):
    with pytest.raises(InvalidInputError, match="before"):
        parse(from_, to)


def test_naive_times_are_refused():
    with pytest.raises(InvalidInputError):
        TimeRange(datetime(2026, 1, 1), datetime(2026, 1, 2))  # noqa: DTZ001 (that is the point)


_PIECES = st.sampled_from(
    ["now", "-", "+", "/", "6", "h", "d", "w", "T", ":", "Z", "2026-01-01", " "]
)
_TEXT = (
    st.text() | st.lists(_PIECES).map("".join) | st.datetimes().map(str) | st.integers().map(str)
)


@given(_TEXT, _TEXT)
def test_any_text_gives_a_range_or_an_invalid_input(from_, to):
    try:
        span = TimeRange.parse(from_, to, NOW)
    except InvalidInputError:
        return
    assert span.start < span.end
    assert span.start.tzinfo is UTC
    assert span.end.tzinfo is UTC
