"""The range picker: the address is its state, and no address breaks a page."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import InvalidInputError
from apps.core.rangepicker import Choice
from apps.core.timerange import TimeRange


def read(query: str) -> Choice:
    return Choice.read(QueryDict(query))


def test_without_a_range_a_page_shows_its_default():
    assert (read("").from_, read("").to, read("").live) == ("now-15m", "now", True)


def test_every_other_parameter_stays_in_every_link():
    choice = read("service=a&service=b&text=x%26y&from=now-1h")
    links = [*choice.href.values(), *(item["href"] for item in choice.quick)]
    for link in filter(None, links):
        found = parse_qs(link.removeprefix("?"))
        assert (found["service"], found["text"]) == (["a", "b"], ["x&y"])


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "to=tomorrow", "from=now&to=now-1h", "range=2y", "refresh=1ms"],
)
def test_a_mistake_is_told_beside_its_field_and_the_page_still_opens(query):
    choice = read(query)
    field = query.split("=")[0]
    assert set(choice.mistakes) == {"from" if field == "range" else field}
    assert choice.time_range.duration > timedelta(0)
    with pytest.raises(InvalidInputError):
        Choice.strict(QueryDict(query))


def test_links_of_the_first_version_are_understood():
    assert (read("range=6h").from_, read("range=6h").to) == ("now-6h", "now")


def test_buttons_move_by_the_length_and_never_beyond_now():
    choice = read("from=2026-03-28T10:00Z&to=2026-03-28T11:00Z")
    ten = int(datetime(2026, 3, 28, 10, tzinfo=UTC).timestamp() * 1000)
    hour = 3_600_000
    assert choice.earlier == (str(ten - hour), str(ten))
    assert choice.later == (str(ten + hour), str(ten + 2 * hour))
    assert choice.wider == (str(ten - hour // 2), str(ten + 3 * hour // 2))
    assert read("from=now-1h").later is None
    newest = read("from=now-90m&to=now-1m").later
    assert newest is not None
    assert int(newest[1]) <= datetime.now(UTC).timestamp() * 1000 + 1000


def test_zooming_out_of_a_live_range_keeps_it_live():
    assert read("from=now-6h").wider == ("now-12h", "now")
    assert read("from=now-999999999s").wider == ("now-999999999s", "now")


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20))
def test_no_address_breaks_a_page(from_, to, refresh):
    query = QueryDict(mutable=True)
    query.update({"from": from_, "to": to, "refresh": refresh})
    choice = Choice.read(query)
    for link in filter(None, choice.href.values()):
        found = parse_qs(link.removeprefix("?"))
        assert TimeRange.parse(found["from"][0], found["to"][0]).duration_s > 0
    assert choice.told()["start"] < choice.told()["end"]
