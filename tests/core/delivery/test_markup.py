"""No template of ours has script, style or handlers inside: the policy would block them."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
# Mail has no stylesheets and no scripts; its readers know inline styles only.
MAIL = PROJECT / "apps/alerts/templates/alerts/message.html"
TEMPLATES = [
    path
    for folder in ("templates", "apps", "portal")
    for path in (PROJECT / folder).rglob("*.html")
    if path != MAIL
]
_SCRIPT = re.compile(
    r"<script\b(?P<attributes>[^>]*)>(?P<body>.*?)</script", re.IGNORECASE | re.DOTALL
)
_HANDLER = re.compile(r"<[a-z][^<>]*\s(?P<name>on[a-z]+)\s*=", re.IGNORECASE)
_STYLE = re.compile(r"<[a-z][^<>]*\sstyle\s*=", re.IGNORECASE)


def troubles(text: str) -> list[str]:
    found = [
        "a script with a body"
        for match in _SCRIPT.finditer(text)
        if match["body"].strip() and "application/json" not in match["attributes"]
    ]
    found += [f"a handler {match['name']}" for match in _HANDLER.finditer(text)]
    found += ["a style attribute"] * bool(_STYLE.search(text))
    found += ["a style element"] * bool(re.search(r"<style\b", text, re.IGNORECASE))
    return found + ["a javascript: address"] * ("javascript:" in text.lower())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_script_style_or_handler(path):
    assert troubles(path.read_text()) == []


def test_there_are_templates_to_look_at():
    assert len(TEMPLATES) > 10


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<SCRIPT type="module">\nimport "./a.js";</SCRIPT>',
        '<a href="#" onclick="go()">',
        "<p\n style='color:red'>",
        "<style>p{}</style>",
        '<a href="javascript:go()">',
    ],
)
def test_the_look_finds_what_it_looks_for(text):
    assert len(troubles(text)) == 1


def test_what_is_allowed_is_let_be():
    fine = '<script src="a.js"></script><script type="application/json">{}</script>'
    assert troubles(fine + '<b data-once="style=">one on=two</b>') == []
