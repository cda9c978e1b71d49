"""One plan, one text, one hash: RFC 8785."""

import json
import math

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import InvalidInputError
from apps.core.proposals.canonical import canonical, digest

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | TEXT | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "text"),
    [
        # From RFC 8785, appendix B, and ECMAScript's rules around the switch of notation.
        (0.0, "0"), (-0.0, "0"), (5e-324, "5e-324"), (-5e-324, "-5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (9007199254740992, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"), (1e21, "1e+21"), (1e23, "1e+23"),
        (999999999999999900000.0, "999999999999999900000"), (1e-6, "0.000001"), (1e-7, "1e-7"),
        (333333333.3333333, "333333333.3333333"), (0.000001234, "0.000001234"), (1.0, "1"),
        (1, "1"), (-1.5, "-1.5"), (10.0, "10"), (123456.789, "123456.789"), (1e20, "1" + "0" * 20),
        (4.35, "4.35"), (0.1, "0.1"), (100, "100"), (9.999999999999997e22, "9.999999999999997e+22"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_ecmascript_writes_them(number, text):
    assert canonical(number).decode() == text


def test_the_example_of_the_standard():
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '€$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert canonical(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_keys_are_sorted_by_utf_16():
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical(keys))) == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


@given(JSON)
def test_reading_it_back_gives_the_same_text(value):
    text = canonical(value)
    assert canonical(json.loads(text)) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_changes_on_the_way(number):
    assert float(canonical(number)) == number


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 2**53 + 1, 10**400, b"x", {1: 2}])
def test_what_is_not_json_is_refused(bad):
    with pytest.raises(InvalidInputError):
        canonical(bad)


@pytest.mark.django_db
@given(JSON)
def test_postgresql_keeps_the_hash_of_a_plan(value):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(value)])
        (stored,) = cursor.fetchone()
    assert digest(json.loads(stored)) == digest(value)
