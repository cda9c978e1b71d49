"""Wall times of a zone as spans of instants, over the days on which clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.alerts.matchers import parse
from apps.alerts.models import MuteWindow, Route
from apps.alerts.mutetimes import HolidayRule, Weekly, instant, is_holiday
from apps.alerts.suppression import Kind, judge

ZONES = ["UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Seoul"]


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "wall", "expected"),
    [
        # New York: 02:00–03:00 does not exist on 2025-03-09, 01:00–02:00 is twice on 2025-11-02.
        ("America/New_York", date(2025, 3, 9), time(2, 30), "2025-03-09T07:00"),
        ("America/New_York", date(2025, 3, 9), time(3), "2025-03-09T07:00"),
        ("America/New_York", date(2025, 11, 2), time(1, 30), "2025-11-02T05:30"),
        # Lord Howe moves by half an hour: 02:00–02:30 is missing on 2025-10-05.
        ("Australia/Lord_Howe", date(2025, 10, 5), time(2, 15), "2025-10-04T15:30"),
        ("Australia/Lord_Howe", date(2025, 4, 6), time(1, 45), "2025-04-05T14:45"),
        ("Europe/London", date(2025, 3, 30), time(1, 30), "2025-03-30T01:00"),
        ("Asia/Seoul", date(2025, 3, 30), time(9), "2025-03-30T00:00"),
    ],
)
def test_a_wall_time_is_the_first_instant_that_shows_or_has_passed_it(zone, day, wall, expected):
    assert instant(day, wall, ZoneInfo(zone)) == at(expected)


def test_a_night_over_midnight_belongs_to_the_day_it_begins_on():
    friday_night = Weekly(ZoneInfo("Asia/Seoul"), frozenset({4}), time(22), time(6))
    assert friday_night.end_of(at("2025-01-03T12:59:59")) is None
    assert friday_night.end_of(at("2025-01-03T13:00")) == at("2025-01-03T21:00")
    assert friday_night.end_of(at("2025-01-03T20:59:59")) == at("2025-01-03T21:00")
    assert friday_night.end_of(at("2025-01-03T21:00")) is None
    assert friday_night.begins_after(at("2025-01-03T21:00")) == at("2025-01-10T13:00")


def test_days_that_touch_are_one_window():
    weekend = Weekly(ZoneInfo("UTC"), frozenset({5, 6}))
    assert weekend.end_of(at("2025-01-04T10:00")) == at("2025-01-06T00:00")


@pytest.mark.parametrize(
    ("day", "hours"), [("2025-03-08", 8), ("2025-03-09", 7), ("2025-11-01", 8), ("2025-11-02", 9)]
)
def test_a_night_lasts_an_hour_less_or_more_when_clocks_change(day, hours):
    night = Weekly(ZoneInfo("America/New_York"), frozenset(), time(0), time(8))
    begin = instant(date.fromisoformat(day), time(0), night.zone)
    assert night.end_of(begin) - begin == timedelta(hours=hours)


def test_the_hour_that_comes_twice_is_inside_once():
    early = Weekly(ZoneInfo("America/New_York"), frozenset(), time(23), time(1, 30))
    inside = [early.end_of(at(f"2025-11-02T0{h}")) is not None for h in ("5:00", "5:45", "6:15")]
    assert inside == [True, False, False]


def test_holidays_may_count_as_such_a_day_or_never():
    seoul, christmas = ZoneInfo("Asia/Seoul"), at("2025-12-25T03:00")
    assert is_holiday("KR", date(2025, 12, 25))
    weekend = Weekly(seoul, frozenset({5, 6}), country="KR", holidays=HolidayRule.ALSO)
    working = Weekly(seoul, frozenset(range(5)), country="KR", holidays=HolidayRule.NEVER)
    plain = Weekly(seoul, frozenset(range(5)))
    ends = [w.end_of(christmas) is not None for w in (weekend, working, plain)]
    assert ends == [True, False, True]


def test_it_is_over_after_its_last_day():
    span = Weekly(ZoneInfo("UTC"), first_day=date(2025, 1, 2), last_day=date(2025, 1, 3))
    assert [span.end_of(at(f"2025-01-0{n}T12:00")) is not None for n in range(1, 5)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert span.begins_after(at("2025-01-04T00:00")) is None


@given(
    st.sampled_from(ZONES),
    st.integers(1_704_067_200, 1_798_761_600).map(lambda s: datetime.fromtimestamp(s, UTC)),
    st.times().map(lambda t: t.replace(microsecond=0, second=0)),
    st.times().map(lambda t: t.replace(microsecond=0, second=0)),
    st.frozensets(st.integers(0, 6)),
)
@settings(max_examples=150, deadline=None)
def test_whatever_it_ends_after_the_moment_and_begins_where_it_is_inside(
    zone, moment, begin, end, days
):
    weekly = Weekly(ZoneInfo(zone), days, begin, end)
    over = weekly.end_of(moment)
    assert over is None or over > moment
    if over is None:
        following = weekly.begins_after(moment)
        assert following > moment
        # A window that falls into a gap whole has no instant in it.
        assert weekly.end_of(following) is None or weekly.end_of(following) > following


@pytest.fixture
def window(db):
    def make(*matchers, routes=(), **fields):
        row = MuteWindow(
            name="nights",
            stored_matchers=[one.as_json() for text in matchers for one in parse(text)],
            **fields,
        )
        row.full_clean()
        row.save()
        row.routes.set(routes)
        return row

    return make


SUNDAY, MONDAY = at("2025-01-05T10:00"), at("2025-01-06T10:00")


def test_warnings_wait_inside_it_and_critical_ones_do_not_unless_it_says_so(window, make_episode):
    made = window(weekdays=[6])
    mild, bad = make_episode(severity="warning"), make_episode()
    verdicts = judge([mild, bad], SUNDAY)
    assert verdicts[bad.pk] is None
    assert (verdicts[mild.pk].kind, verdicts[mild.pk].by) == (Kind.MUTED, f"mute_window:{made.pk}")
    assert verdicts[mild.pk].until == at("2025-01-06T00:00")
    assert set(judge([mild, bad], MONDAY).values()) == {None}
    MuteWindow.objects.update(critical_too=True)
    assert judge([bad], SUNDAY)[bad.pk].kind is Kind.MUTED


def test_some_alerts_page_only_inside_their_windows(window, make_episode):
    hours = {"from_time": time(9), "until_time": time(17)}
    window("team=web", only_inside=True, weekdays=[0, 1, 2, 3, 4], **hours)
    window("team=web", only_inside=True, weekdays=[5], **hours)
    web, other = (make_episode(severity="warning", team=team) for team in ("web", "db"))
    assert set(judge([web, other], MONDAY).values()) == {None}
    verdicts = judge([web, other], SUNDAY)
    assert verdicts[other.pk] is None
    assert verdicts[web.pk].until == at("2025-01-06T09:00")


def test_it_may_belong_to_some_routes_alone(window, make_episode):
    route = Route.objects.create(name="quiet", parent=Route.objects.filter(parent=None).first())
    window(weekdays=[6], routes=[route])
    mild = make_episode(severity="warning")
    assert judge([mild], SUNDAY)[mild.pk] is None
    assert judge([mild], SUNDAY, route=SimpleNamespace(pk=-1, group_wait_s=30))[mild.pk] is None
    assert judge([mild], SUNDAY, route=route)[mild.pk].kind is Kind.MUTED


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"zone": "Mars/Base"}, "zone"),
        ({"from_time": time(1)}, "until_time"),
        ({"first_day": date(2025, 1, 2), "last_day": date(2025, 1, 1)}, "last_day"),
        ({"holidays": "also"}, "country"),
        ({"holidays": "also", "country": "XX"}, "country"),
        ({"holidays": "also", "country": "DE-XX"}, "country"),
        ({"weekdays": [7]}, "weekdays"),
    ],
)
def test_times_that_make_no_sense_are_refused_with_their_field(window, fields, named):
    with pytest.raises(ValidationError) as refused:
        window(**fields)
    assert named in refused.value.message_dict
