"""What is advised fits the statement it is advised for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.bottlenecks.advice import advise
from apps.monitoring.bottlenecks.indexes import suggest
from apps.monitoring.bottlenecks.kinds import CAUSES, BottleneckKind
from apps.monitoring.bottlenecks.relations import guess

EVENTS = 'SELECT "shop_event"."id", "shop_event"."title" FROM "shop_event" WHERE "starts_at" >= ?'
PRICES = (
    'SELECT DATE_TRUNC(?, "shop_price"."at" AT TIME ZONE ?) AS "day", MIN("shop_price"."cents")'
    ' FROM "shop_price" WHERE ("shop_price"."at" >= ? AND "shop_price"."event_id" = ?)'
    " GROUP BY 1 ORDER BY 1 ASC"
)


def test_a_row_found_by_its_own_key_is_a_foreign_key_to_select():
    repeated = 'SELECT "shop_venue"."name" FROM "shop_venue" WHERE "shop_venue"."id" = ? LIMIT 21'
    told = guess(repeated, EVENTS)
    assert told.django == 'Event.objects.select_related("venue")'


def test_rows_found_by_a_key_that_points_back_are_prefetched():
    repeated = 'SELECT * FROM "shop_booking" WHERE "shop_booking"."event_id" = ?'
    assert guess(repeated, EVENTS).django == 'Event.objects.prefetch_related("booking_set")'
    assert guess("CALL something(?)", EVENTS) is None


def test_equality_comes_before_range_in_an_index():
    index = suggest(PRICES)
    assert index.sql == (
        "CREATE INDEX CONCURRENTLY shop_price_event_id_at_idx ON shop_price (event_id, at);"
    )
    assert index.django == 'models.Index(fields=["event", "at"], name="shop_price_event_id_at_idx")'


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("SELECT * FROM t WHERE id = ?", None),
        ("SELECT * FROM t", None),
        ("SELECT * FROM t WHERE a = ? OR b = ?", None),
        ("SELECT * FROM t WHERE a IN (?, ...) AND b = ? ORDER BY c LIMIT ?", ("a", "b", "c")),
        ("SELECT * FROM t x JOIN u ON u.t_id = x.id WHERE u.c = ?", ("c",)),
        ("UPDATE t SET a = ? WHERE b = ?", ("b",)),
        ("DELETE FROM t WHERE b < ?", ("b",)),
        ("not a statement at all (", None),
    ],
)
def test_an_index_follows_the_conditions(statement, columns):
    index = suggest(statement)
    assert (index.columns if index else None) == columns


def test_a_search_in_text_asks_for_trigrams():
    index = suggest('SELECT * FROM "e" WHERE UPPER("e"."title"::text) LIKE UPPER(?)')
    assert "USING gin (upper(title) gin_trgm_ops)" in index.sql


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_statements(text):
    suggest(text)
    guess(text, text)


@pytest.mark.parametrize("kind", BottleneckKind.values)
def test_every_kind_has_a_cause_a_reason_and_a_step(kind):
    assert kind in CAUSES
    told = advise(kind, EVENTS, {})
    assert told.why
    assert told.steps
