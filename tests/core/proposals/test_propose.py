"""What can be proposed, and what is turned away."""

import math
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.errors import ConflictError, InvalidInputError
from apps.core.proposals import kinds as registry
from apps.core.proposals.errors import CoolingDownError, UnknownKindError
from apps.core.proposals.models import Proposal
from apps.core.proposals.services import decide, rules
from apps.core.proposals.services.propose import Draft, Evidence, Prediction, propose
from tests.core.proposals.conftest import (
    again,
    approved,
    counters,
    counting,
    opened,
    pass_time,
    work,
)
from tests.core.proposals.kinds import CounterKind, IndexKind, sql

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("targets")]


def test_an_unknown_kind_is_an_error_that_names_those_there_are():
    with pytest.raises(UnknownKindError, match=r"no kind .*'x'.*test\.counter, test\.index"):
        propose(Draft("x", "one", "X", {}), "tests")


def test_two_kinds_cannot_share_a_key():
    class Other(IndexKind):
        key = "test.counter"

    with pytest.raises(ValueError, match=r"called test\.counter"):
        registry.register(Other())
    registry.register(CounterKind())


def test_the_same_proposal_is_found_again_while_it_is_open(ann):
    first = propose(counting(), "tests")
    again_ = propose(counting(), "others")
    assert (first.created, again_.created) == (True, False)
    assert first.proposal.pk == again_.proposal.pk
    decide.reject(first.proposal.pk, ann, "no")
    assert propose(counting(), "tests").created


def test_one_and_one_point_zero_are_one_plan():
    one = opened(Draft("test.counter", "one", "t", {"by": 1, "x": 1.0}))
    assert opened(Draft("test.counter", "one", "t", {"x": 1, "by": 1})).pk == one.pk


@pytest.mark.parametrize("by", [0, 101, -1, 10**30, True, "1", None, 1.5])
def test_bounds_hold_when_proposing(by):
    with pytest.raises(InvalidInputError):
        opened(counting(by=by))


def test_bounds_hold_again_right_before_applying(ann, monkeypatch):
    from apps.core.proposals.kinds import Bounds

    proposal = approved(counting(by=50), ann)
    monkeypatch.setattr(CounterKind, "bounds", lambda self, target: {"by": Bounds(1, 10)})
    work()
    assert again(proposal).state == "void"
    assert "by has to be from 1 to 10" in proposal.decision_reason
    assert counters() == [0, 0, 0]


@pytest.mark.parametrize(
    "plan",
    [
        {"by": 1, "x": "a" * 270_000}, {"by": 1, "x": "nul\0"}, {"by": 1, "x": math.nan},
        {"by": 1, "x": math.inf}, {"by": 1, "x": 2**53 + 1}, {"by": 1, "x": "\ud800"},
        {"by": 1, 2: 3}, {"by": 1, "x": {1, 2}}, {"by": 1, "x": b"y"},
    ],
)  # fmt: skip
def test_a_plan_that_is_no_json_or_too_large_is_refused(plan):
    with pytest.raises(InvalidInputError):
        opened(Draft("test.counter", "one", "t", plan))


def test_a_plan_nested_without_end_is_refused():
    deep: dict = {}
    for _ in range(5000):
        deep = {"x": deep}
    with pytest.raises(InvalidInputError, match="nested"):
        opened(Draft("test.counter", "one", "t", {"by": 1, "x": deep}))


@pytest.mark.parametrize("target", ["", "a" * 301, "nul\0", "two\nlines"])
def test_a_target_is_one_short_line(target):
    with pytest.raises(InvalidInputError, match="target"):
        opened(counting(target))


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//evil.example", "/\\evil", "data:x", 'http://x"onload=', " /x"]
)
def test_evidence_links_nowhere_dangerous(url):
    with pytest.raises(InvalidInputError, match="link"):
        opened(counting(evidence=[Evidence("l", 1, url=url)]))


@pytest.mark.parametrize(
    ("expected", "low", "high", "direction", "relative"),
    [(2, 0, 1, "increase", False), (math.nan, 0, 1, "increase", False),
     (1, 0, 2, "decrease", False), (1, 0, 2, "increase", True)],
)  # fmt: skip
def test_a_prediction_makes_sense_or_is_refused(expected, low, high, direction, relative):
    prediction = Prediction("m", "u", direction, expected, low, high, relative)
    with pytest.raises(InvalidInputError):
        opened(counting(predicted=prediction))


def test_the_same_evidence_in_five_cycles_moves_the_target_once(ann):
    """A detector that decides on one last sample would grow the target five times."""
    rules.set_rule("test.counter", "*", "ann", enabled=True)
    seen_at = timezone.now()
    for cycle in range(5):
        try:
            propose(counting(by=cycle + 1, risk="low", evidence_at=seen_at), "optimiser")
        except CoolingDownError:
            assert cycle > 0
        work()
    assert counters() == [1, 1, 1]
    assert Proposal.objects.filter(state="kept").count() == 1


def test_fresh_evidence_waits_for_the_cool_down(ann, monkeypatch):
    monkeypatch.setattr(CounterKind, "cool_down_s", 300.0)
    approved(counting(), ann)
    work()
    with pytest.raises(CoolingDownError) as refused:
        opened(counting(by=2))
    assert 290 < refused.value.retry_after_s <= 300
    opened(counting("two"))
    pass_time(301)
    opened(counting(by=2))


def test_old_evidence_is_old_for_every_kind():
    sql("INSERT INTO loop_counter VALUES ('loop_scratch', 'a', 0)")
    rules.set_rule("test.counter", "*", "ann", enabled=True)
    before = timezone.now() - timedelta(seconds=5)
    opened(counting("loop_scratch", risk="low"))
    work()
    stale = Draft("test.index", "loop_scratch", "t", {"column": "word"}, evidence_at=before)
    with pytest.raises(CoolingDownError, match="after this evidence"):
        opened(stale)


def test_a_detector_that_never_stops_is_stopped():
    for by in range(1, 11):
        opened(counting(by=by))
    with pytest.raises(ConflictError, match="Too many"):
        opened(counting(by=11))


@pytest.mark.parametrize("name", ["", "a b", "x" * 141, "é", "a\0"])
def test_a_detector_has_a_plain_name(name):
    with pytest.raises(InvalidInputError):
        opened(counting(), author=name)
