"""Which lines are one sentence."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring.logmining.miner import Miner
from apps.monitoring.logmining.shapes import masked, shape


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("order 17 paid in 3.5 ms.", "order <*> paid in <*> ms."),
        ("GET /products/17?x=9 HTTP/1.1", "GET /products/<*>?x=<*> HTTP/<*>"),
        ("from 10.0.0.1:8080, at 2026-11-26T10:00:00Z", "from <*>, at <*>"),
        ("user ann@example.com of d41d8cd98f00b204 left", "user <*> of <*> left"),
        ("id=0b1c-77 key:'k9'", "id=<*> key:'<*>'"),
        ("first\nTraceback", "first"),
        ("no values here", "no values here"),
        ("-5 and +7%", "<*> and <*>"),
    ],
)
def test_values_are_taken_out(body, text):
    assert masked(body) == text


@given(st.text(max_size=300))
def test_a_masked_text_in_words_reads_the_same(body):
    text = masked(body)
    assert len(text.split("\n")) == 1
    if len(shape(text).words) < 60:
        assert shape(text).text == text


def test_no_line_is_slow_to_mask():
    began = time.process_time()
    for body in ("a" * 1000, "a." * 500, "a@" * 500, "1" * 1000, "-" * 1000, "a1 " * 330):
        for _ in range(20):
            masked(body)
    # Quadratic would be seconds.
    assert time.process_time() - began < 2


def test_lines_that_differ_in_values_are_one_template():
    miner = Miner()
    found = {miner.find("shop", 3, f"user {name} paid order {n}")
             for n, name in enumerate(("ann", "bob", "cid"))}  # fmt: skip
    (template,) = found
    assert template.text == "user <*> paid order <*>"
    assert template.sample == "user ann paid order 0"
    assert miner.find("shop", 5, "user ann paid order 1") is not template
    assert miner.find("bank", 3, "user ann paid order 1") is not template
    assert miner.find("shop", 3, "disk is full").text == "disk is full"


def test_a_kept_template_takes_up_its_lines_again():
    miner = Miner()
    miner.know(7, "shop", 3, "user <*> paid order <*>")
    found = miner.find("shop", 3, "user dan paid order 4")
    assert (found.id, found.changed) == (7, False)


def test_a_service_that_never_says_the_same_twice_stays_bounded():
    miner = Miner(most=50)
    names = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(600)]
    found = {miner.find("shop", 3, f"{name} came") for name in names}
    assert len(found) == 51
    assert {template.text for template in found} >= {""}


@given(st.lists(st.text(alphabet="ab1 =,", max_size=12), max_size=30))
def test_whatever_is_said_has_a_template_that_fits(bodies):
    miner = Miner(most=5)
    for body in bodies:
        template = miner.find("shop", 0, body)
        form = shape(masked(body))
        if template.text:
            assert template.between == form.between
            assert all(k in (w, "<*>") for k, w in zip(template.words, form.words, strict=True))
