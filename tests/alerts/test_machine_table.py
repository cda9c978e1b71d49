"""The table of the state machine, a row a test: state before, result, what follows."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from apps.alerts.machine import (
    Condition,
    Effect,
    NoDataPolicy,
    Reason,
    Result,
    Severity,
    State,
    Timing,
    advance,
)
from tests.alerts.test_machine import INTERVAL, T0, at

S, R, E, P = State, Result, Effect, NoDataPolicy
INACTIVE = Condition()
PENDING = Condition(S.PENDING, Reason.BREACH, at(0), at(0), severity=Severity.WARNING)
FIRING = replace(PENDING, state=S.FIRING, notified=Severity.WARNING)
RECOVERING = replace(FIRING, state=S.RECOVERING, keep_since=at(0))
RESOLVED = replace(FIRING, state=S.RESOLVED, reason=Reason.OK)


@dataclass(frozen=True)
class Row:
    """One row: `timing` and `tick` say what the table's words leave to the rule."""

    name: str
    before: Condition
    result: Result
    after: State
    effects: tuple[Effect, ...] = ()
    timing: Timing = field(default=Timing(30, INTERVAL))
    tick: float = 1
    reason: Reason | None = None


def rule(for_s: float = 30, keep_s: float = 0, no_data: NoDataPolicy = P.KEEP_LAST) -> Timing:
    return Timing(for_s, INTERVAL, keep_s, no_data)


SEEN = {"observed_s": 15.0, "seen_at": at(1)}
MISSED = {"missed": 1}
TABLE = [
    Row(
        "inactive, breach, for 0: fires", INACTIVE, R.BREACH, S.FIRING, (E.OPENED, E.FIRED), rule(0)
    ),
    Row("inactive, breach: pending", INACTIVE, R.BREACH, S.PENDING, (E.OPENED,)),
    Row("inactive, OK: nothing", INACTIVE, R.OK, S.INACTIVE),
    Row("pending, breach too short: pending", PENDING, R.BREACH, S.PENDING),
    Row(
        "pending, breach long enough: fires",
        replace(PENDING, **SEEN),
        R.BREACH,
        S.FIRING,
        (E.FIRED,),
        tick=2,
    ),
    Row(
        "pending, breach after a gap: two intervals at most",
        PENDING,
        R.BREACH,
        S.PENDING,
        (),
        rule(60),
        100,
    ),
    Row(
        "pending, OK: inactive without a message",
        PENDING,
        R.OK,
        S.INACTIVE,
        (E.CANCELLED,),
        reason=Reason.OK,
    ),
    Row(
        "firing, OK, no keeping: resolved",
        FIRING,
        R.OK,
        S.RESOLVED,
        (E.RESOLVED,),
        reason=Reason.OK,
    ),
    Row(
        "firing, OK, kept: recovering", FIRING, R.OK, S.RECOVERING, (E.RECOVERING,), rule(keep_s=60)
    ),
    Row("firing, breach: firing", FIRING, R.BREACH, S.FIRING),
    Row("firing, breach, for raised: firing", FIRING, R.BREACH, S.FIRING, (), rule(3600)),
    Row(
        "recovering, breach: firing, no message",
        RECOVERING,
        R.BREACH,
        S.FIRING,
        (E.FIRED_AGAIN,),
        rule(keep_s=60),
    ),
    Row("recovering, OK, kept on: recovering", RECOVERING, R.OK, S.RECOVERING, (), rule(keep_s=60)),
    Row(
        "recovering, OK, kept enough: resolved",
        RECOVERING,
        R.OK,
        S.RESOLVED,
        (E.RESOLVED,),
        rule(keep_s=60),
        4,
    ),
    Row("resolved, breach: a new episode", RESOLVED, R.BREACH, S.PENDING, (E.OPENED,)),
    Row("resolved, OK: nothing", RESOLVED, R.OK, S.RESOLVED),
    Row("inactive, missing: nothing", INACTIVE, R.MISSING, S.INACTIVE),
    Row("firing, missing once: firing", FIRING, R.MISSING, S.FIRING),
    Row(
        "firing, missing twice: resolved as missing",
        replace(FIRING, **MISSED),
        R.MISSING,
        S.RESOLVED,
        (E.RESOLVED,),
        reason=Reason.MISSING_SERIES,
    ),
    Row(
        "recovering, missing twice: resolved as missing",
        replace(RECOVERING, **MISSED),
        R.MISSING,
        S.RESOLVED,
        (E.RESOLVED,),
        rule(keep_s=60),
        reason=Reason.MISSING_SERIES,
    ),
    Row(
        "pending, missing twice: inactive",
        replace(PENDING, **MISSED),
        R.MISSING,
        S.INACTIVE,
        (E.CANCELLED,),
    ),
    Row("firing, no data, keep: firing", FIRING, R.NODATA, S.FIRING),
    Row(
        "firing, no data, ok: resolved",
        FIRING,
        R.NODATA,
        S.RESOLVED,
        (E.RESOLVED,),
        rule(no_data=P.OK),
        reason=Reason.NODATA,
    ),
    Row(
        "firing, no data, ok, kept: recovering",
        FIRING,
        R.NODATA,
        S.RECOVERING,
        (E.RECOVERING,),
        rule(keep_s=60, no_data=P.OK),
    ),
    Row(
        "firing, no data, missing, twice: resolved",
        replace(FIRING, **MISSED),
        R.NODATA,
        S.RESOLVED,
        (E.RESOLVED,),
        rule(no_data=P.MISSING),
        reason=Reason.NODATA,
    ),
    Row(
        "inactive, no data, alerting: pending",
        INACTIVE,
        R.NODATA,
        S.PENDING,
        (E.OPENED,),
        rule(no_data=P.ALERTING),
        reason=Reason.NODATA,
    ),
    Row(
        "pending breach, no data, alerting: the timer goes on",
        replace(PENDING, **SEEN),
        R.NODATA,
        S.FIRING,
        (E.FIRED,),
        rule(no_data=P.ALERTING),
        2,
        Reason.NODATA,
    ),
    Row(
        "firing, no data, alerting: firing for another reason",
        FIRING,
        R.NODATA,
        S.FIRING,
        (),
        rule(no_data=P.ALERTING),
        reason=Reason.NODATA,
    ),
    *[
        Row(
            f"{state.state}, error: frozen",
            state,
            R.ERROR,
            state.state,
            (),
            rule(no_data=P.ALERTING),
            50,
        )
        for state in (INACTIVE, PENDING, FIRING, RECOVERING, RESOLVED)
    ],
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_row(row):
    step = advance(row.before, row.result, at(row.tick), row.timing, Severity.WARNING)
    assert (step.condition.state, step.effects) == (row.after, row.effects)
    if row.reason is not None:
        assert step.condition.reason is row.reason
    if row.result is R.ERROR:
        assert step.condition == row.before


def test_a_pending_breach_is_credited_what_was_seen_and_no_more():
    near = advance(PENDING, R.BREACH, at(1), rule(600)).condition
    gap = advance(PENDING, R.BREACH, at(100), rule(600)).condition
    back = advance(PENDING, R.BREACH, T0 - timedelta(hours=1), rule(600)).condition
    assert [one.observed_s for one in (near, gap, back)] == [INTERVAL, 2 * INTERVAL, 0]
