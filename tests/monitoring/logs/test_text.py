"""What somebody types into a text search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.queries import logtext
from apps.monitoring.queries.logtext import Terms, parse


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("", (), ()),
        ("  paid  order ", ("paid", "order"), ()),
        ('"paid order" -test', ("paid order",), ("test",)),
        ('-"not this" that', ("that",), ("not this",)),
        ('say \\"', ("say", '\\"'), ()),
        (r'"say \"hi\" \\"', ('say "hi" \\',), ()),
        ('"never closed', ("never closed",), ()),
        ('"" -"" "', (), ()),
        ("-", ("-",), ()),
        ("a-b", ("a-b",), ()),
        ("paid paid", ("paid",), ()),
        (" ".join("abcdefghijklmnop"), tuple("abcdefghijkl"), ()),
    ],
)
def test_a_text_is_words_phrases_and_what_must_not_be_there(text, wanted, unwanted):
    assert parse(text) == Terms(wanted, unwanted)


@given(st.text(alphabet='ab"\\- é%_', min_size=1, max_size=30))
def test_a_quoted_phrase_is_read_as_it_was(phrase):
    assert parse(logtext.quoted(phrase)) == Terms((phrase,), ())


@given(st.text(alphabet='ab"\\- ', max_size=200))
def test_no_text_is_beyond_reading(text):
    found = parse(text)
    assert len(found.wanted) + len(found.unwanted) <= logtext.MOST_TERMS
