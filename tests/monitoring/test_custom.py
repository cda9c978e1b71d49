"""Figures of somebody's own code: kept as declared, never in the way."""

import re
from pathlib import Path

import pytest

from apps.monitoring import custom
from apps.monitoring.custom import Namespace
from tests.conftest import PROJECT
from tests.monitoring.recorder.conftest import attributes, recorder
from tests.monitoring.store.conftest import rows, store

__all__ = ["attributes", "recorder", "rows", "store"]


def test_what_is_recorded_arrives_under_its_namespace(recorder, rows, attributes):
    bookings = Namespace("Ticketing/Bookings")
    attempts = bookings.counter("BookingAttempts", unit="Count", dimensions=["Status"])
    latency = bookings.distribution("BookingLatency", unit="Milliseconds", dimensions=["Status"])
    stock = bookings.gauge("Stock")
    for status in ("success", "success", "failure"):
        attempts.add(Status=status)
        latency.observe(40, Status=status)
    with pytest.raises(KeyError), latency.timed(Status="failure"):
        raise KeyError
    stock.set(-3)
    attempts.add(1, Status="x" * 1000)
    # None of these may disturb the caller; each is counted with its reason.
    attempts.add(-1, Status="success")
    attempts.add(float("nan"), Status="success")
    attempts.add("1", Status="success")
    attempts.add(10**400, Status="success")
    attempts.add(1, Seat="12a")
    assert recorder.flush()
    assert attributes("Ticketing/Bookings.BookingAttempts") == {
        (("Status", "success"),): 2, (("Status", "failure"),): 1, (("Status", "x" * 200),): 1,
    }  # fmt: skip
    assert attributes("Ticketing/Bookings.BookingLatency") == {
        (("Status", "success"),): 2, (("Status", "failure"),): 2,
    }  # fmt: skip
    name = "Ticketing/Bookings.BookingAttempts"
    dropped = attributes("pharos.custom.dropped")
    assert dropped == {
        (("metric", name), ("reason", "negative")): 1,
        (("metric", name), ("reason", "not_a_number")): 3,
        (("metric", name), ("reason", "undeclared_dimension")): 1,
    }
    units = dict(rows("SELECT name, unit FROM tm_metric WHERE name LIKE 'Ticketing/%%'"))
    assert units == {
        name: "1", "Ticketing/Bookings.BookingLatency": "ms", "Ticketing/Bookings.Stock": "1",
    }  # fmt: skip


def test_too_many_sets_of_dimensions_share_one_series(recorder, attributes):
    seats = Namespace("Ticketing").counter("Seats", dimensions=["seat"])
    for number in range(2_050):
        seats.add(1, seat=number)
    assert recorder.flush()
    found = attributes("Ticketing.Seats")
    assert sum(found.values()) == 2_050
    assert found[(("otel.metric.overflow", True),)] >= 50


@pytest.mark.parametrize(
    ("name", "unit", "dimensions"),
    [("1st", "1", ()), ("a b", "1", ()), ("a", "", ()), ("a", "é", ()), ("a", "1", ["no blank "]),
     ("a", "1", "Status"), ("a", "1", [f"d{n}" for n in range(11)])],
)  # fmt: skip
def test_a_malformed_declaration_is_told_at_once(name, unit, dimensions):
    with pytest.raises(ValueError, match=r"."):
        Namespace("Shop").counter(name, unit, dimensions)


def test_nothing_is_kept_where_the_recorder_is_off(recorder, settings):
    settings.PHAROS_RECORDER = False
    Namespace("Shop").counter("clicks").add()
    assert not recorder._events


def test_a_value_without_a_text_disturbs_nobody():
    class Odd:
        def __str__(self):
            raise RuntimeError

    assert custom._text(Odd()) == "(no text)"
    assert custom._text(float("inf")) == "inf"


def test_the_how_to_does_what_it_says(recorder, attributes):
    text = (Path(PROJECT) / "docs/how-to/add-a-metric.md").read_text()
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    exec(compile(code, "add-a-metric.md", "exec"), {"save": lambda order: None, "order": {}})
    assert recorder.flush()
    assert sum(attributes("Ticketing/Bookings.BookingAttempts").values()) == 1
