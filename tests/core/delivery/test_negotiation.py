"""A client gets the coding it likes best of those we have, and plain text when in doubt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.delivery.negotiation import CODINGS, IDENTITY, choose


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("zstd, gzip", "zstd"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP;Q=0.5", "gzip"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.000, zstd;q=0", IDENTITY),
        ("*", "br"),
        ("*;q=0", IDENTITY),
        ("br;q=0, *", "zstd"),
        ("*;q=0, gzip", "gzip"),
        ("gzip;q=0.5, identity", IDENTITY),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("identity;q=0", IDENTITY),
        ("identity;q=0, zstd;q=0.1", "zstd"),
        ("identity;q=0, *", "br"),
        ("deflate", IDENTITY),
        ("", IDENTITY),
        (" br ; q = 0.8 , gzip ; q=0.9", "gzip"),
        ("gzip;level=9;q=0", IDENTITY),
        # Not readable: as if not offered.
        ("gzip;q=high", IDENTITY),
        ("gzip;q=-1", IDENTITY),
        ("gzip;q=1.5, br;q=0.1", "br"),
        ("gzip;q=nan", IDENTITY),
        ("gzip;q=1e-1", IDENTITY),
        ("gzip;q=0.1234", IDENTITY),
        ("gzip;q=", IDENTITY),
        (";;;,,,;q=1", IDENTITY),
        ("gzip;;q=1", "gzip"),
        ("gzip" + " " * 600, IDENTITY),
    ],
)
def test_the_best_liked_coding_is_chosen(header, coding):
    assert choose(header) == coding


_NAME = st.sampled_from(["br", "gzip", "zstd", "identity", "*", "deflate"])
_ELEMENT = st.tuples(_NAME, st.integers(0, 1000))


@given(st.lists(_ELEMENT, min_size=1, max_size=8, unique_by=lambda element: element[0]))
def test_nothing_refused_is_sent_and_nothing_liked_better_is_passed_over(elements):
    said = dict(elements)
    chosen = choose(", ".join(f"{name};q={per_mille / 1000:.3f}" for name, per_mille in elements))
    liking = {coding: said.get(coding, said.get("*", 0)) for coding in CODINGS}
    if chosen == IDENTITY:
        assert all(liked == 0 or liked < said.get(IDENTITY, 0) for liked in liking.values())
    else:
        assert liking[chosen] == max(liking.values()) > 0


@given(st.text(max_size=600))
def test_no_header_raises(header):
    assert choose(header) in (*CODINGS, IDENTITY)
