"""Who has the duty, across every change of every clock."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.alerts.oncall.intervals import Interval, Shift
from apps.alerts.oncall.plan import Exchange, Plan, prove
from apps.alerts.oncall.rotation import Rotation, Window, calendar_of
from apps.alerts.oncall.walltime import instant

ANN, BOB, CAT = 1, 2, 3
WEEK = timedelta(days=7)
ZONES = ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Seoul"]


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)


def wall(*when: int) -> datetime:
    return datetime(*when)  # noqa: DTZ001 (a wall time has no zone)


def rotation(zone="Asia/Seoul", *people: int, **fields) -> Rotation:
    values = {
        "name": "weekly", "priority": 0, "zone": ZoneInfo(zone), "people": people or (ANN, BOB),
        "first": wall(2024, 10, 28, 9), "period": WEEK, **fields,
    }  # fmt: skip
    return Rotation(**values)


def of(shifts: list[Shift]) -> list[tuple[datetime, datetime, int]]:
    return [(one.start, one.end, one.person) for one in shifts]


def test_a_weekly_shift_in_new_york_is_an_hour_longer_in_autumn_and_shorter_in_spring():
    layer = rotation("America/New_York")
    # By counting seconds, 2024-11-04 leaves 3,600 s to nobody and 2025-03-10 gives them to two.
    autumn = layer.shifts(utc(2024, 10, 28, 13), utc(2024, 11, 11, 14), None)
    assert of(autumn) == [
        (utc(2024, 10, 28, 13), utc(2024, 11, 4, 14), ANN),
        (utc(2024, 11, 4, 14), utc(2024, 11, 11, 14), BOB),
    ]
    assert autumn[0].end - autumn[0].start == WEEK + timedelta(hours=1)
    spring = layer.shifts(utc(2025, 3, 3, 14), utc(2025, 3, 17, 13), None)
    assert [one.end - one.start for one in spring] == [WEEK - timedelta(hours=1), WEEK]
    assert spring[0].end == spring[1].start == utc(2025, 3, 10, 13)


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        # Skipped: the first valid instant after it.
        ("America/New_York", wall(2025, 3, 9, 2, 30), utc(2025, 3, 9, 7)),
        ("Europe/London", wall(2025, 3, 30, 1, 59, 59), utc(2025, 3, 30, 1)),
        ("Australia/Lord_Howe", wall(2025, 10, 5, 2, 15), utc(2025, 10, 4, 15, 30)),
        # A whole day that never was.
        ("Pacific/Apia", wall(2011, 12, 30, 12), utc(2011, 12, 30, 10)),
        # Twice: the first.
        ("America/New_York", wall(2025, 11, 2, 1, 30), utc(2025, 11, 2, 5, 30)),
        ("Europe/London", wall(2025, 10, 26, 1, 30), utc(2025, 10, 26, 0, 30)),
        ("Australia/Lord_Howe", wall(2025, 4, 6, 1, 45), utc(2025, 4, 5, 14, 45)),
        ("Asia/Seoul", wall(2025, 3, 9, 2, 30), utc(2025, 3, 8, 17, 30)),
    ],
)
def test_a_wall_time_is_one_instant(zone, wall, moment):
    assert instant(wall, ZoneInfo(zone)) == moment


@pytest.mark.parametrize("zone", ZONES)
@given(
    start=st.datetimes(wall(2023, 1, 1), wall(2027, 1, 1)),
    hours=st.sampled_from([1, 8, 12, 24, 36, 168, 336]),
    first=st.datetimes(wall(2022, 1, 1), wall(2022, 12, 31)),
    people=st.lists(st.integers(1, 5), min_size=1, max_size=5),
)
@settings(max_examples=40)
def test_a_rotation_without_windows_leaves_no_gap_and_doubles_nobody(
    zone, start, hours, first, people
):
    layer = rotation(zone, *people, first=first, period=timedelta(hours=hours))
    start = start.replace(tzinfo=UTC)
    end = start + timedelta(days=40)
    shifts = layer.shifts(start, end, None)
    assert (shifts[0].start, shifts[-1].end) == (start, end)
    assert all(one.end == other.start for one, other in pairwise(shifts))
    assert all(one.start < one.end for one in shifts)
    # Asked in two parts it says the same.
    middle = start + timedelta(days=17, hours=5, minutes=7)
    halves = [*layer.shifts(start, middle, None), *layer.shifts(middle, end, None)]
    for shift in halves:
        assert any(
            one.start <= shift.start and shift.end <= one.end and one.person == shift.person
            for one in shifts
        )


@pytest.mark.parametrize("zone", ZONES)
def test_a_plain_weekly_rotation_is_proved_for_400_days(zone):
    proof = prove(Plan((rotation(zone),)), utc(2025, 1, 1))
    assert (proof.end - proof.start).days == 400
    assert (proof.gaps, proof.doubles) == ((), ())


def test_office_hours_alone_leave_gaps_and_a_layer_below_closes_them():
    office = Window(frozenset(range(5)), time(9), time(18))
    day = rotation("America/New_York", ANN, priority=1, windows=(office,))
    now = utc(2025, 3, 7, 12)
    proof = prove(Plan((day,)), now)
    assert proof.gaps[:2] == (
        Interval(utc(2025, 3, 7, 12), utc(2025, 3, 7, 14)),
        # Friday 18:00 to Monday 09:00, an hour less for the clocks.
        Interval(utc(2025, 3, 7, 23), utc(2025, 3, 10, 13)),
    )
    rest = rotation("Asia/Seoul", BOB, name="rest")
    assert prove(Plan((day, rest)), now).gaps == ()
    found = Plan((day, rest)).resolve(utc(2025, 3, 7, 12), utc(2025, 3, 7, 15))
    assert of(found) == [
        (utc(2025, 3, 7, 12), utc(2025, 3, 7, 14), BOB),
        (utc(2025, 3, 7, 14), utc(2025, 3, 7, 15), ANN),
    ]


def test_two_layers_of_one_priority_at_once_are_a_double_primary_told_with_its_interval():
    night = Window(frozenset({5}), time(22), time(6))
    one, other = rotation(), rotation("Asia/Seoul", CAT, name="nights", windows=(night,))
    proof = prove(Plan((one, other)), utc(2025, 1, 1))
    first = proof.doubles[0]
    assert (first.start, first.end) == (utc(2025, 1, 4, 13), utc(2025, 1, 4, 21))
    assert {first.one, first.other} == {"weekly", "nights"}
    # Covered by a layer above, nobody is doubled.
    above = rotation("Asia/Seoul", BOB, name="above", priority=9)
    assert prove(Plan((one, other, above)), utc(2025, 1, 1)).doubles == ()


def test_a_layer_that_ends_leaves_a_gap_from_that_wall_time_on():
    layer = rotation("Asia/Seoul", ends_on=date(2025, 6, 2))
    proof = prove(Plan((layer,)), utc(2025, 1, 1))
    assert proof.gaps == (Interval(utc(2025, 6, 2), proof.end),)


def test_a_schedule_that_begins_later_is_proved_from_its_first_handoff():
    layer = rotation("Asia/Seoul", first=wall(2026, 1, 5, 9))
    proof = prove(Plan((layer,)), utc(2025, 1, 1))
    assert (proof.start, proof.gaps) == (utc(2026, 1, 5), ())


def test_an_empty_plan_has_nobody_at_all():
    proof = prove(Plan(()), utc(2025, 1, 1))
    assert proof.gaps == (Interval(proof.start, proof.end),)


def test_holidays_take_a_layer_off_or_are_all_it_has():
    korea = calendar_of("KR")
    start, end = utc(2025, 9, 28, 15), utc(2025, 10, 12, 15)
    office = rotation("Asia/Seoul", ANN, on_holidays="off", priority=1)
    duty = rotation("Asia/Seoul", CAT, on_holidays="only", name="holidays")
    found = Plan((office, duty), holidays=korea).resolve(start, end)
    # Foundation Day, then Chuseok with its substitute, then Hangeul Day.
    assert of([one for one in found if one.person == CAT]) == [
        (utc(2025, 10, 2, 15), utc(2025, 10, 3, 15), CAT),
        (utc(2025, 10, 4, 15), utc(2025, 10, 9, 15), CAT),
    ]
    assert prove(Plan((office,), holidays=korea), start).gaps[0].start == utc(2025, 10, 2, 15)


def test_an_override_covers_every_layer_and_a_later_one_covers_it():
    day = timedelta(days=1)
    start = utc(2025, 1, 7)
    first = Shift(start, start + 3 * day, CAT, "override")
    second = replace(first, start=start + day, end=start + 2 * day, person=BOB)
    plan = Plan((rotation("UTC", ANN),), (first, second))
    assert of(plan.resolve(start, start + 4 * day)) == [
        (start, start + day, CAT), (start + day, start + 2 * day, BOB),
        (start + 2 * day, start + 3 * day, CAT), (start + 3 * day, start + 4 * day, ANN),
    ]  # fmt: skip


def test_a_swap_takes_over_what_is_the_others_even_where_that_came_by_an_override():
    day, start = timedelta(days=1), utc(2025, 1, 7)
    override = Shift(start, start + day, BOB, "override")
    swap = Exchange(start, start + 2 * day, BOB, CAT)
    plan = Plan((rotation("UTC", ANN),), (override,), (swap,))
    assert of(plan.resolve(start, start + 2 * day)) == [
        (start, start + day, CAT), (start + day, start + 2 * day, ANN),
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(1, 3), st.integers(0, 2)),
        max_size=8,
    ),
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(1, 3), st.integers(1, 3)),
        max_size=4,
    ),
)
def test_at_every_instant_the_resolved_line_has_whom_the_rules_say(overrides, swaps):
    start, hour = utc(2025, 1, 6), timedelta(hours=1)
    end = start + 72 * hour
    plan = Plan(
        (rotation("UTC", ANN, BOB, first=wall(2025, 1, 1), period=timedelta(hours=7)),),
        tuple(Shift(start + a * hour, start + (a + n) * hour, p, "o") for a, n, p, _ in overrides),
        tuple(Exchange(start + a * hour, start + (a + n) * hour, p, q) for a, n, p, q in swaps),
    )
    found = plan.resolve(start, end)
    assert (found[0].start, found[-1].end) == (start, end)
    for index in range(72):
        at = start + index * hour
        wanted = plan.rotations[0].shifts(at, at + hour, None)[0].person
        for one in plan.overrides:
            wanted = one.person if one.start <= at < one.end else wanted
        for swap in plan.swaps:
            if swap.start <= at < swap.end and wanted == swap.asker:
                wanted = swap.taker
        assert [one.person for one in found if one.start <= at < one.end] == [wanted]


@pytest.mark.parametrize(
    "told",
    [
        {"days": []}, {"days": [7]}, {"days": [True]}, {"from": "25:00"}, {"from": 9}, {"to": "9"},
        {"from": "09:00+09:00"}, {"days": "x"},
    ],
)  # fmt: skip
def test_a_window_that_makes_no_sense_is_refused(told):
    with pytest.raises((ValueError, TypeError)):
        Window.read(told)
