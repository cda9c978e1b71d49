"""The tiny language of messages."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.template import TemplateError, compile_template, render

VALUES = {
    "value": 0.934, "threshold": 0.9, "rule": "CPU", "severity": "critical", "worst": None,
    "labels": {"host.name": "web-1"}, "facts": {"budget_left": 0.25, "exhausted_in_s": 7200},
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{ rule }}: {{ value | percent }} on {{labels.host.name}}", "CPU: 93.4 % on web-1"),
        ("{{ value|round }} {{ severity | upper }}", "1 CRITICAL"),
        ("{{ worst }} {{ labels.zone }}", "– –"),
        ("{{ facts.budget_left | percent }} left", "25 % left"),
        ("in {{ facts.exhausted_in_s | duration }}", "in 2.0 h"),
        ("plain { text }", "plain { text }"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_template_is_text_with_holes(text, shown):
    assert render(text, VALUES) == shown


def test_what_a_label_holds_is_never_read_as_a_template():
    assert render("{{ labels.x }}", {"labels": {"x": "{{ rule }}"}}) == "{{ rule }}"


@given(st.text() | st.from_regex(r"\{\{.*\}\}"))
def test_any_text_compiles_or_is_refused_and_is_shown_either_way(text):
    with contextlib.suppress(TemplateError):
        compile_template(text)
    assert isinstance(render(text, VALUES), str)
