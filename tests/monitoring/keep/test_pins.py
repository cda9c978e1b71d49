"""Pins: made once, extended, taken away."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from apps.core.errors import InvalidInputError
from apps.monitoring.services import pins
from apps.monitoring.services.pins import PinReason

pytestmark = pytest.mark.usefixtures("store")
NOW = datetime.now(UTC)


def days(n):
    return NOW + timedelta(days=n)


def test_a_pin_is_kept_once_and_only_ever_lasts_longer():
    trace = uuid4()
    for until in (days(5), days(9), days(2)):
        pins.pin([(trace, NOW), (trace, days(-1))], PinReason.EXEMPLAR, until)
    pins.pin([(trace, NOW)], PinReason.HAND, days(1))
    assert pins.pinned(trace) == {PinReason.EXEMPLAR: days(9), PinReason.HAND: days(1)}


def test_a_pin_that_is_over_before_it_begins_is_none_and_none_lasts_for_ever():
    past, far = uuid4(), uuid4()
    pins.pin([(past, NOW)], PinReason.HAND, days(-1))
    pins.pin([(far, NOW)], PinReason.HAND, days(100_000))
    assert pins.pinned(past) == {}
    assert pins.pinned(far)[PinReason.HAND] < days(401)


def test_a_pin_is_taken_away_for_one_reason():
    trace = uuid4()
    pins.pin([(trace, NOW)], PinReason.HAND, days(1))
    pins.pin([(trace, NOW)], PinReason.EVIDENCE, days(1))
    assert pins.unpin(trace, PinReason.HAND)
    assert not pins.unpin(trace, PinReason.HAND)
    assert pins.pinned(trace) == {PinReason.EVIDENCE: days(1)}


def test_more_traces_than_one_call_may_pin_are_refused():
    with pytest.raises(InvalidInputError):
        pins.pin([(uuid4(), NOW)] * (pins.MOST + 1), PinReason.HAND, days(1))
    pins.pin([], PinReason.HAND, days(1))
