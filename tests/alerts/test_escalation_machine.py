"""The pure parts of escalation: every plan ends, and waits when it says it does."""

from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.escalation.machine import Again, Done, End, Hold, Position, advance
from apps.alerts.escalation.plan import Plan, Step
from apps.alerts.models import StepKind
from apps.alerts.models.escalation import MOST_REPEATS

T0 = datetime(2025, 1, 6, 12, tzinfo=UTC)
ZONES = ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Seoul"]
VERDICTS = st.one_of(
    st.builds(Done, st.integers(0, 600)), st.builds(Again, st.integers(0, 9)), st.just(End())
)


@given(st.lists(VERDICTS, min_size=1, max_size=12), st.integers(0, 5))
def test_every_plan_ends_and_repeats_a_bounded_number_of_times(verdicts, holds):
    position, now, taken = Position(), T0, 0
    while position.step < len(verdicts):
        verdict = Hold(now + timedelta(seconds=15)) if holds else verdicts[position.step]
        holds = max(0, holds - 1)
        move = advance(position, verdict, now)
        if move.due is None:
            break
        assert move.due >= now
        assert move.position.repeat_no >= position.repeat_no
        position, now, taken = move.position, move.due, taken + 1
        assert taken <= (len(verdicts) + 1) * (MOST_REPEATS + 1) + 5
    assert position.repeat_no <= MOST_REPEATS


def test_a_condition_that_is_not_met_keeps_the_step_and_never_moves_its_time_back():
    past = T0 - timedelta(minutes=5)
    assert advance(Position(2, 1), Hold(past), T0) == advance(Position(2, 1), Hold(T0), T0)
    assert advance(Position(2, 1), Hold(T0), T0).position == Position(2, 1)


TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1)),  # noqa: DTZ001 (made aware below)
    TIMES, TIMES, st.sampled_from(ZONES), st.sets(st.integers(0, 6)),
)  # fmt: skip
def test_a_time_range_opens_within_eight_days_and_is_open_when_it_does(
    at, start, until, zone, days
):
    now = at.replace(tzinfo=UTC)
    step = Step(
        StepKind.TIME_RANGE, weekdays=tuple(days), from_time=start, until_time=until, zone=zone
    )
    opens = step.opens_at(now)
    assert now <= opens <= now + timedelta(days=8, hours=2)
    assert step.opens_at(opens) == opens


def test_a_plan_survives_being_kept():
    steps = (
        Step(StepKind.USER, wait_s=300, target=7, name="ann"),
        Step(StepKind.TIME_RANGE, weekdays=(0, 4), from_time=time(9), until_time=time(18, 30)),
        Step(StepKind.MANY_ALERTS, more_than=3, within_s=60),
        Step(StepKind.REPEAT, repeats=5),
    )
    plan = Plan("Payments", steps, 3, "room")
    assert Plan.from_json(plan.to_json()) == plan
