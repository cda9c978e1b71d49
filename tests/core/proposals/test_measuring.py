"""Kept when it gained, put back when it did not, and the truth where nobody can tell."""

import pytest

from apps.core.proposals.execution import run_due
from apps.core.proposals.models import Proposal
from apps.core.proposals.services.propose import Prediction
from tests.core.proposals.conftest import again, approved, counters, counting, pass_time, work
from tests.core.proposals.kinds import CounterKind, sql

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("targets")]
GAIN = Prediction("total", "1", "increase", 3.0, 2.0, 4.0, relative=False)


def test_a_gain_below_half_of_the_promise_is_put_back(ann):
    promised = Prediction("total", "1", "increase", 10.0, 8.0, 12.0, relative=False)
    proposal = approved(counting(predicted=promised), ann)
    work()
    assert (again(proposal).state, proposal.outcome) == ("rolled_back", "no_gain")
    assert proposal.gain == {"value": 3.0, "low": 3.0, "high": 3.0, "relative": False}
    assert counters() == [0, 0, 0]


def test_harm_is_put_back(ann):
    CounterKind.worth = -1.0
    proposal = approved(counting(predicted=GAIN), ann)
    work()
    assert (again(proposal).state, proposal.outcome) == ("rolled_back", "harmed")
    assert counters() == [0, 0, 0]


def test_a_guard_puts_it_back_at_once(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "window_s", 600.0)
    proposal = approved(counting(), ann)
    run_due()
    CounterKind.harm = "p95 of /checkout doubled"
    pass_time(15)
    run_due()
    assert (again(proposal).state, proposal.outcome) == ("rolled_back", "harmed")
    assert "p95 of /checkout doubled" in proposal.events.get(move="roll_back").reason
    assert counters() == [0, 0, 0]


def test_the_window_begins_after_the_change_has_settled(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "settle_s", 60.0)
    monkeypatch.setattr(CounterKind, "window_s", 300.0)
    windows = []
    real = CounterKind.measure

    def noting(self, target, start, end):
        windows.append((start, end))
        return real(self, target, start, end)

    monkeypatch.setattr(CounterKind, "measure", noting)
    proposal = approved(counting(), ann)
    run_due()
    assert again(proposal).state == "measuring"
    (before,) = windows
    assert (before[1] - before[0]).total_seconds() == 300
    assert before[1] <= proposal.started_at
    pass_time(350)
    run_due()
    assert len(windows) == 1
    pass_time(20)
    run_due()
    assert again(proposal).state == "kept"
    assert (windows[1][0] - proposal.applied_at).total_seconds() == 60


@pytest.mark.parametrize(("default", "state"), [("keep", "kept"), ("roll_back", "rolled_back")])
def test_too_few_samples_are_waited_for_then_told_and_the_default_decides(
    ann, monkeypatch, default, state
):
    monkeypatch.setattr(CounterKind, "longest_s", 600.0)
    monkeypatch.setattr(CounterKind, "unmeasurable", default)
    CounterKind.worth = None
    proposal = approved(counting(), ann)
    run_due()
    pass_time(599)
    run_due()
    assert again(proposal).state == "measuring"
    pass_time(15)
    run_due()
    assert (again(proposal).state, proposal.outcome) == (state, "not_measurable")
    assert proposal.gain is None
    assert proposal.after == {"value": None, "samples": 0, "spread": None}


def test_samples_that_come_late_still_decide(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "longest_s", 600.0)
    proposal = approved(counting(predicted=GAIN), ann)
    run_due()
    CounterKind.worth = None
    pass_time(60)
    run_due()
    CounterKind.worth = 1.0
    pass_time(60)
    run_due()
    assert (again(proposal).state, proposal.outcome) == ("kept", "gained")


def test_a_figure_that_cannot_be_read_is_no_good_news(ann, monkeypatch):
    def broken(self, target, start, end):
        raise RuntimeError("token=abcdef is wrong")

    proposal = approved(counting(predicted=GAIN), ann)
    run_due()
    monkeypatch.setattr(CounterKind, "measure", broken)
    work()
    assert (again(proposal).state, proposal.outcome) == ("rolled_back", "not_measurable")
    assert counters() == [0, 0, 0]


def test_a_change_that_cannot_be_measured_before_is_not_begun(ann, monkeypatch):
    def broken(self, target, start, end):
        raise RuntimeError("away")

    monkeypatch.setattr(CounterKind, "measure", broken)
    proposal = approved(counting(), ann)
    work(2)
    assert again(proposal).state == "approved"
    assert proposal.failure == "RuntimeError: away"


def test_a_hand_on_the_target_while_measuring_is_for_people_to_sort_out(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "window_s", 600.0)
    proposal = approved(counting(), ann)
    run_due()
    sql("UPDATE loop_counter SET value = 99 WHERE name = 'a'")
    pass_time(15)
    run_due()
    assert again(proposal).state == "failed"
    assert "Someone changed the target" in proposal.failure
    assert counters() == [99, 1, 1]


def test_a_worker_lost_while_measuring_is_followed_by_another(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "window_s", 600.0)
    proposal = approved(counting(), ann)
    run_due()
    Proposal.objects.filter(pk=proposal.pk).update(
        lease_token="00000000-0000-4000-8000-000000000000", lease_until="2000-01-01T00:00Z"
    )
    pass_time(700)
    run_due()
    assert again(proposal).state == "kept"
