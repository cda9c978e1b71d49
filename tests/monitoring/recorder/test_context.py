"""W3C Trace Context and request ids across borders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core import request_id
from apps.monitoring import recorder as api
from apps.monitoring.recorder.context import Parent, active, parse, traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("header", "flags"),
    [(f"00-{TRACE}-{SPAN}-01", (True, False)), (f"00-{TRACE}-{SPAN}-00", (False, False)),
     (f"00-{TRACE}-{SPAN}-03", (True, True)), (f"00-{TRACE}-{SPAN}-02", (False, True)),
     (f"00-{TRACE}-{SPAN}-fd", (True, False)), (f"cc-{TRACE}-{SPAN}-01", (True, False)),
     (f"cc-{TRACE}-{SPAN}-01-what-comes-later", (True, False))],
)  # fmt: skip
def test_a_valid_header_is_taken(header, flags):
    assert parse(header) == Parent(int(TRACE, 16), int(SPAN, 16), *flags)


@pytest.mark.parametrize(
    "header",
    [None, "", "00", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-01-more", f"ff-{TRACE}-{SPAN}-01",
     f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01",
     f" 00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01\n", f"00-{TRACE[:-1]}-{SPAN}-01",
     f"00-{TRACE}-{SPAN}-0x", f"cc-{TRACE}-{SPAN}-01.x", f"cc-{TRACE}-{SPAN}-01-" + "x" * 600,
     f"00-{TRACE}-{SPAN}-٠١"],
)  # fmt: skip
def test_a_header_that_breaks_a_rule_is_as_good_as_none(header):
    assert parse(header) is None


@given(st.text())
def test_any_header_is_read_without_an_error(header):
    parse(header)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans(), st.booleans())
def test_what_is_written_is_read_back(trace_id, span_id, sampled, random):
    parent = Parent(trace_id, span_id, sampled, random)
    assert parse(traceparent(parent)) == parent


def test_an_outgoing_call_names_its_own_span():
    token = request_id.bind("request-12345")
    with api.span("outer") as outer, api.span("GET hook", kind=3) as call:
        headers = {}
        api.inject(headers)
        assert call.parent_id == outer.span_id
    request_id.release(token)
    assert headers == {"traceparent": traceparent(call), "X-Request-ID": "request-12345"}
    assert active() is None


def test_outside_of_anything_nothing_is_injected():
    headers = {}
    with api.suppressed():
        api.inject(headers)
    assert headers == {}
