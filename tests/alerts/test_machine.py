"""The state machine, row by row, and what holds for every sequence of results."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.machine import (
    ACTIVE,
    Condition,
    Effect,
    NoDataPolicy,
    Reason,
    Result,
    Severity,
    State,
    Timing,
    advance,
    stop,
)

T0 = datetime(2026, 11, 21, tzinfo=UTC)
INTERVAL = 15
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def at(n: float) -> datetime:
    return T0 + timedelta(seconds=INTERVAL * n)


def timing(for_s=30.0, keep=0.0, no_data=NoDataPolicy.KEEP_LAST) -> Timing:
    return Timing(for_s, INTERVAL, keep, no_data)


def run(results, rule=None, condition=None, severity=WARNING):
    """Apply one result a tick; the last condition and every effect with its tick number."""
    condition = condition or Condition()
    effects = []
    for n, result in enumerate(results):
        step = advance(condition, result, at(n), rule or timing(), severity)
        condition = step.condition
        effects += [(n, effect) for effect in step.effects]
    return condition, effects


B, OK, MISSING, NODATA, ERROR = (
    Result.BREACH, Result.OK, Result.MISSING, Result.NODATA, Result.ERROR,
)  # fmt: skip


def test_a_breach_without_a_duration_fires_at_once():
    condition, effects = run([B], timing(for_s=0))
    assert condition.state is State.FIRING
    assert effects == [(0, Effect.OPENED), (0, Effect.FIRED)]


def test_a_breach_with_a_duration_is_pending_since_its_tick():
    condition, effects = run([B])
    assert (condition.state, condition.active_at) == (State.PENDING, at(0))
    assert effects == [(0, Effect.OPENED)]


def test_a_pending_breach_fires_when_for_has_been_observed():
    condition, effects = run([B, B])
    assert condition.state is State.PENDING
    condition, effects = run([B, B, B])
    assert condition.state is State.FIRING
    assert effects[-1] == (2, Effect.FIRED)


def test_a_pending_breach_that_goes_away_says_nothing():
    condition, effects = run([B, OK])
    assert condition == Condition(State.INACTIVE, Reason.OK)
    assert effects == [(0, Effect.OPENED), (1, Effect.CANCELLED)]


def test_a_gap_in_the_evaluations_adds_at_most_two_intervals_to_the_observed_time():
    first = advance(Condition(), B, at(0), timing(for_s=300), WARNING).condition
    later = advance(first, B, at(100), timing(for_s=300), WARNING).condition
    assert later.state is State.PENDING
    assert later.observed_s == 2 * INTERVAL


def test_a_clock_that_stepped_back_adds_nothing_to_the_observed_time():
    first = advance(Condition(), B, at(10), timing(for_s=300), WARNING).condition
    assert advance(first, B, at(3), timing(for_s=300), WARNING).condition.observed_s == 0


def test_a_firing_alert_that_is_well_again_resolves():
    condition, effects = run([B, OK], timing(for_s=0))
    assert (condition.state, condition.reason) == (State.RESOLVED, Reason.OK)
    assert effects[-1] == (1, Effect.RESOLVED)


def test_keep_firing_for_holds_the_alert_in_recovering_until_its_time_is_over():
    condition, effects = run([B, OK, OK], timing(for_s=0, keep=30))
    assert (condition.state, condition.keep_since) == (State.RECOVERING, at(1))
    condition, effects = run([B, OK, OK, OK], timing(for_s=0, keep=30))
    assert condition.state is State.RESOLVED
    assert effects[2:] == [(1, Effect.RECOVERING), (3, Effect.RESOLVED)]


def test_a_breach_while_recovering_is_the_same_episode_without_a_message():
    condition, effects = run([B, OK, B], timing(for_s=0, keep=30))
    assert (condition.state, condition.keep_since) == (State.FIRING, None)
    assert effects[3:] == [(2, Effect.FIRED_AGAIN)]


def test_one_missed_evaluation_keeps_the_state_and_the_second_ends_it_as_missing():
    condition, _ = run([B, MISSING], timing(for_s=0))
    assert (condition.state, condition.missed) == (State.FIRING, 1)
    condition, effects = run([B, MISSING, MISSING], timing(for_s=0))
    assert (condition.state, condition.reason) == (State.RESOLVED, Reason.MISSING_SERIES)
    assert effects[-1] == (2, Effect.RESOLVED)


def test_a_missing_series_comes_back_before_the_second_miss_and_nothing_happens():
    condition, effects = run([B, MISSING, B, MISSING, B], timing(for_s=0))
    assert (condition.state, condition.missed) == (State.FIRING, 0)
    assert len(effects) == 2


def test_a_pending_series_that_vanishes_ends_without_a_message():
    condition, effects = run([B, MISSING, MISSING])
    assert (condition.state, condition.reason) == (State.INACTIVE, Reason.MISSING_SERIES)
    assert effects[-1] == (2, Effect.CANCELLED)


def test_no_data_keeps_the_last_state_by_default():
    condition, effects = run([B] + [NODATA] * 50, timing(for_s=0))
    assert condition.state is State.FIRING
    assert len(effects) == 2


def test_no_data_as_a_breach_goes_through_pending():
    rule = timing(no_data=NoDataPolicy.ALERTING)
    condition, effects = run([NODATA, NODATA, NODATA], rule)
    assert (condition.state, condition.reason) == (State.FIRING, Reason.NODATA)
    assert effects == [(0, Effect.OPENED), (2, Effect.FIRED)]


def test_the_timer_is_not_restarted_when_the_kind_of_trouble_changes():
    condition, effects = run([B, NODATA, B], timing(no_data=NoDataPolicy.ALERTING))
    assert condition.state is State.FIRING
    assert effects == [(0, Effect.OPENED), (2, Effect.FIRED)]


def test_no_data_may_end_an_alert_as_missing():
    rule = timing(for_s=0, no_data=NoDataPolicy.MISSING)
    condition, _ = run([B, NODATA, NODATA], rule)
    assert (condition.state, condition.reason) == (State.RESOLVED, Reason.NODATA)


@pytest.mark.parametrize("before", [[], [B], [B, B, B], [B, B, B, OK], [B, B, B, OK, OK, OK]])
def test_an_error_changes_nothing_in_any_state(before):
    rule = timing(keep=30)
    condition, _ = run(before, rule)
    step = advance(condition, ERROR, at(99), rule)
    assert (step.condition, step.effects) == (condition, ())


def test_a_breach_after_resolved_is_a_new_episode():
    condition, effects = run([B, OK, B], timing(for_s=0))
    assert condition.active_at == at(2)
    assert [effect for _, effect in effects].count(Effect.OPENED) == 2


def test_raising_for_while_firing_keeps_the_alert_firing():
    condition, _ = run([B, B, B], timing(for_s=30))
    step = advance(condition, B, at(3), timing(for_s=3600), WARNING)
    assert (step.condition.state, step.effects) == (State.FIRING, ())


def test_severity_pages_when_it_rises_above_what_was_announced_and_never_again():
    condition = Condition()
    heard = []
    for n, severity in enumerate([WARNING, CRITICAL, WARNING, CRITICAL, WARNING]):
        step = advance(condition, B, at(n), timing(for_s=0), severity)
        condition = step.condition
        heard.append(step.effects)
    assert heard[1] == (Effect.SEVERITY_RAISED,)
    assert heard[2:] == [(Effect.SEVERITY_CHANGED,)] * 3
    assert (condition.severity, condition.notified) == (WARNING, CRITICAL)


def test_a_first_page_carries_the_severity_of_its_moment():
    first = advance(Condition(), B, at(0), timing(for_s=15), WARNING).condition
    step = advance(first, B, at(1), timing(for_s=15), CRITICAL)
    assert step.condition.notified is CRITICAL
    assert step.effects == (Effect.FIRED,)


@pytest.mark.parametrize(
    ("before", "state", "effects"),
    [
        ([], State.INACTIVE, ()),
        ([B], State.INACTIVE, (Effect.CANCELLED,)),
        ([B, B, B], State.RESOLVED, (Effect.RESOLVED,)),
        ([B, B, B, OK], State.RESOLVED, (Effect.RESOLVED,)),
    ],
)
def test_pausing_a_rule_ends_what_is_active(before, state, effects):
    condition, _ = run(before, timing(keep=60))
    step = stop(condition, Reason.PAUSED)
    assert (step.condition.state, step.effects) == (state, effects)


results = st.lists(
    st.tuples(
        st.sampled_from(list(Result)),
        st.sampled_from(list(Severity)),
        st.floats(0.2, 8),  # intervals since the tick before: late, early, after a gap
    ),
    max_size=60,
)
rules = st.builds(
    Timing,
    for_s=st.sampled_from([0, 10, 15, 30, 100, 600]),
    interval_s=st.just(INTERVAL),
    keep_firing_for_s=st.sampled_from([0, 15, 60]),
    no_data=st.sampled_from(list(NoDataPolicy)),
)


@given(results, rules)
def test_no_sequence_of_results_breaks_the_promises(sequence, rule):
    condition, clock = Condition(), 0.0
    breaching_s, last_breach, fired, notified = 0.0, None, False, 0
    for result, severity, gap in sequence:
        clock += gap
        before = condition
        step = advance(condition, result, at(clock), rule, severity)
        condition, effects = step.condition, step.effects
        breach = result is B or (result is NODATA and rule.no_data is NoDataPolicy.ALERTING)
        if Effect.OPENED in effects:
            assert before.state not in ACTIVE
            breaching_s, last_breach, fired, notified = 0.0, clock, False, 0
        elif breach and before.state is State.PENDING:
            breaching_s += min((clock - last_breach) * INTERVAL, 2 * INTERVAL)
            last_breach = clock
        if Effect.FIRED in effects:
            # Never without the whole duration observed; once an episode.
            assert breach
            assert not fired
            assert breaching_s >= rule.for_s - 1e-6
            fired = True
        notified += (Effect.FIRED in effects) + (Effect.SEVERITY_RAISED in effects)
        assert notified <= 2  # at most one message for each severity
        if Effect.RESOLVED in effects:
            assert fired
            assert result is not ERROR
            assert before.state in (State.FIRING, State.RECOVERING)
        if result is ERROR:
            assert condition == before
            assert not effects
        if condition.state is State.FIRING:
            assert fired
        assert 0 <= condition.missed < 2
        assert condition.observed_s >= 0
