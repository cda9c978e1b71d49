"""What a message says of an alert that flaps, and of many that came as one."""

import pytest

from apps.alerts.delivery.wording import context

RULE = {"rule": {"name": "CPU", "summary": "of the rule"}, "scope": {"host": "h1"}}


@pytest.mark.parametrize(
    ("payload", "title", "summary"),
    [
        (
            {"purpose": "flapping", "flapping": {"started": True, "changes_in_an_hour": 6}},
            "[Flapping] CPU (host=h1)",
            (
                "It changed 6 times within the last hour. Its warnings are held back until it "
                "comes to rest."
            ),
        ),
        (
            {"purpose": "flapping", "flapping": {"started": False, "firing": False}},
            "[No longer flapping] CPU (host=h1)",
            "It has come to rest. It is back to normal.",
        ),
        (
            {"purpose": "flapping", "flapping": {"started": False, "firing": True}},
            "[No longer flapping] CPU (host=h1)",
            "It has come to rest. It fires.",
        ),
        (
            {"purpose": "digest", "digest": {"count": 12, "by_severity": {"warning": 12}}},
            "[Digest] 12 messages",
            (
                "More came than this channel takes; these were held back and are told together. "
                "Warning: 12"
            ),
        ),
        ({"purpose": "resolved"}, "[Resolved] CPU (host=h1)", "of the rule"),
    ],
)
def test_it_says_what_is_the_matter(payload, title, summary):
    words = context({**RULE, **payload})
    assert (words["title"], words["summary"]) == (title, summary)
