"""What kind of news a message is stands in its first words."""

import pytest

from apps.alerts.delivery import wording
from tests.alerts.chat.conftest import ALERT


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"purpose": "firing"}, "[Critical] CPU (host=a)"),
        ({"purpose": "resolved"}, "[Resolved] CPU (host=a)"),
        ({"purpose": "acknowledged", "by": "alice"}, "[Acknowledged by alice] CPU (host=a)"),
        ({"purpose": "escalation", "escalation": {"level": 2}}, "[Critical, level 2] CPU (host=a)"),
        ({"purpose": "flapping", "flapping": {"started": True}}, "[Flapping] CPU (host=a)"),
        (
            {"purpose": "flapping", "flapping": {"started": False}},
            "[No longer flapping] CPU (host=a)",
        ),
        ({"purpose": "incident", "title": "Shop down"}, "Shop down"),
        ({"purpose": "test"}, "Test message from Pharos"),
    ],
)  # fmt: skip
def test_a_title_says_what_kind_of_news_it_is(fields, title):
    payload = {**ALERT, "rule": {"name": "CPU"}, "scope": {"host": "a"}, **fields}
    assert wording.context(payload)["title"] == title


def test_what_resolved_meanwhile_is_listed_in_a_message_that_fires():
    ended = [{**ALERT["breaches"][0], "rule": f"Rule {n}"} for n in range(7)]
    words = wording.context({**ALERT, "ended": ended, "ended_not_shown": 3})
    assert "Rule 6" in wording.text(words)
    from apps.alerts.delivery.notes import notes_of

    noted = notes_of(words)[1]
    assert "Rule 0 service.name=checkout" in noted
    assert "and 5 more" in noted


def test_a_breach_without_a_threshold_or_metric_claims_neither():
    one = {"rule": "Disk", "value": 3.0, "severity": "warning", "labels": {}}
    words = wording.context({**ALERT, "breaches": [one], "breaches_not_shown": 0})
    assert wording.breach_line(words["breaches"][0]) == "3"
    told = wording.text(words)
    assert "Warning: Disk = 3" in told
    assert "threshold" not in told
