"""Steps fit the range and the plot; the step that is still running is left out."""

from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from apps.core.charts.window import STEPS, Window, step_for, tail, width_of
from apps.core.errors import InvalidInputError
from apps.core.rangepicker import Choice


def window(query: str, width_px: int = 600) -> Window:
    return Window.of(Choice.strict(QueryDict(query)), width_px)


@pytest.mark.parametrize(
    ("length_s", "width_px", "step_s"),
    [
        (120, 600, 1), (900, 600, 10), (3600, 600, 15), (21_600, 600, 120), (86_400, 600, 300),
        (7 * 86_400, 600, 3600), (31 * 86_400, 4000, 3600), (43_200, 4000, 60),
        (200 * 365 * 86_400, 600, 604_800),
    ],
)  # fmt: skip
def test_a_step_is_about_two_pixels_of_a_tier_of_the_store(length_s, width_px, step_s):
    assert step_for(length_s, width_px) == step_s


@given(st.floats(0.001, 1e10), st.integers(-10, 10**6))
def test_every_range_gets_a_step_of_the_list(length_s, width_px):
    assert step_for(length_s, width_px) in STEPS


@pytest.mark.parametrize("span", ["5m", "15m", "1h", "6h", "24h", "7d", "30d"])
def test_a_live_window_lies_on_borders_and_ends_with_the_last_whole_step(span):
    now = datetime.now(UTC)
    found = window(f"from=now-{span}")
    assert found.live
    assert found.sliding
    assert all(int(at.timestamp()) % found.step_s == 0 for at in (found.start, found.end))
    assert found.end <= now + timedelta(seconds=1)
    newest = tail(found.step_s)
    assert newest.start < found.end <= newest.end
    assert newest.duration_s >= 180


def test_an_ended_range_is_whole_and_one_that_has_not_ended_reads_no_running_step():
    past = window("from=2026-03-28T10:00:07Z&to=2026-03-28T11:00:07Z")
    assert not past.live
    assert past.start <= datetime(2026, 3, 28, 10, 0, 7, tzinfo=UTC)
    assert past.end >= datetime(2026, 3, 28, 11, 0, 7, tzinfo=UTC)
    today = window("from=now/d&to=now/d")
    assert today.readable.end <= datetime.now(UTC)
    assert today.end > today.readable.end


def test_a_range_of_the_future_has_a_window_and_nothing_to_read_in_it():
    future = window("from=now%2B1d&to=now%2B2d")
    assert future.start < future.end
    assert future.readable.end <= datetime.now(UTC)


def test_a_range_shorter_than_a_step_is_one_step():
    assert window("from=now-1s").range.duration_s >= 1


@pytest.mark.parametrize(
    ("text", "width"), [(None, 600), ("", 600), ("431", 500), ("99999", 4000), ("0", 100)]
)
def test_widths_are_shared_by_hundreds(text, width):
    assert width_of(text) == width


@pytest.mark.parametrize("text", ["-1", "1e3", "600px", "٦٠٠", "1" * 50, " 1"])
def test_what_is_no_width_is_refused(text):
    with pytest.raises(InvalidInputError) as caught:
        width_of(text)
    assert caught.value.details == {"parameter": "width"}
