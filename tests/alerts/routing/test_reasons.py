"""Why a group speaks: Alertmanager's own rows, restated, and what is ours."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.routing.reasons import Now, Reason, Said, why_send
from tests.alerts.conftest import T0


def ids(*numbers: int) -> frozenset[UUID]:
    return frozenset(UUID(int=number) for number in numbers)


def said(firing=(), resolved=(), minutes_ago: float | None = None) -> Said:
    # Without an age: longer ago than anything.
    age = timedelta(days=10_000) if minutes_ago is None else timedelta(minutes=minutes_ago)
    return Said(ids(*firing), T0 - age, ids(*resolved))


ROWS = [
    # never a message: firing alerts are told, ended ones are not
    (None, Now(ids(2, 3, 4)), 0, False, Reason.FIRST),
    (None, Now(ids(), ids(2, 3, 4)), 0, False, None),
    # another set of firing alerts
    (said((1, 2, 3)), Now(ids(2, 3, 4)), 0, False, Reason.NEW),
    # the same set: told long ago, before and after repeat_interval
    (said((1, 2, 3)), Now(ids(1, 2, 3)), 0, False, Reason.REPEAT),
    (said((1, 2, 3), (), 9), Now(ids(1, 2, 3)), 10, False, None),
    (said((1, 2, 3), (), 11), Now(ids(1, 2, 3)), 10, False, Reason.REPEAT),
    # other ended alerts without firing ones: nothing, however long ago
    (said((), (1, 2, 3), 11), Now(ids(), ids(3, 4, 5)), 10, True, None),
    # an end among others that fire: only where ends are told
    (said((1, 2), (3,), 9), Now(ids(1), ids(2, 3)), 10, False, None),
    (said((1, 2), (3,), 9), Now(ids(1), ids(2, 3)), 10, True, Reason.RESOLVED),
    # the end of all: always noted
    (said((1, 2), (3,), 9), Now(ids(), ids(1, 2, 3)), 10, False, Reason.ALL_RESOLVED),
    (said((1, 2), (3,), 9), Now(ids(), ids(1, 2, 3)), 10, True, Reason.ALL_RESOLVED),
]  # fmt: skip


@pytest.mark.parametrize(("log", "now_is", "repeat_min", "send_resolved", "reason"), ROWS)
def test_the_rows_of_alertmanagers_own_test_hold(log, now_is, repeat_min, send_resolved, reason):
    found = why_send(log, now_is, send_resolved=send_resolved, repeat_s=repeat_min * 60, now=T0)
    assert found == reason


def ask(log, now_is):
    return why_send(log, now_is, send_resolved=True, repeat_s=3600, now=T0)


def test_new_alerts_after_the_end_of_all_are_a_first_message_again():
    assert ask(said((), (), 1), Now(ids(1))) == Reason.FIRST


def test_a_rise_in_severity_is_news_and_so_is_what_may_be_told_again():
    log = said((1, 2), (), 1)
    assert ask(log, Now(ids(1, 2), raised=ids(2))) == Reason.RAISED
    assert ask(log, Now(ids(1, 2), unmuted=ids(2))) == Reason.UNMUTED
    assert ask(log, Now(ids(1), hidden=ids(2), raised=ids(2))) is None


def test_what_is_held_back_has_not_ended():
    log = said((1, 2), (), 1)
    assert ask(log, Now(ids(), hidden=ids(1, 2))) is None
    assert ask(log, Now(ids(), ids(1), hidden=ids(2))) == Reason.RESOLVED
    # Nor is it repeated.
    assert ask(said((1, 2), (), 9999), Now(ids(), hidden=ids(1, 2))) is None


SETS = st.frozensets(st.integers(0, 5).map(lambda n: UUID(int=n)))


@given(SETS, SETS, SETS, st.booleans(), st.integers(0, 10_000))
def test_what_the_receiver_does_not_know_of_is_always_said(told, firing, ended, send, age):
    log = Said(told, T0 - timedelta(seconds=age))
    now_is = Now(firing, (ended & told) - firing)
    reason = why_send(log, now_is, send_resolved=send, repeat_s=5000, now=T0)
    if firing - told:
        assert reason in (Reason.FIRST, Reason.NEW)
    elif told and not firing:
        assert reason == Reason.ALL_RESOLVED
    elif not firing:
        assert reason is None
