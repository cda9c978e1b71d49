"""However many alerts are open: what the lists and the live board read stays bounded, and what is
not counted to the end says so."""

from datetime import timedelta
from unittest import mock

import pytest
from django.db import connection
from unfold.templatetags import unfold_list

from apps.alerts import listing, queries
from apps.alerts.admin import EpisodeAdmin, base
from apps.alerts.filters import AlertFilters, BoardFilters
from apps.alerts.machine import RANK, Severity
from apps.alerts.models import Episode, EpisodeEvent
from apps.alerts.services import acknowledgements
from apps.core.counted import counted
from portal.alerting import rows, topic
from tests.alerts.conftest import T0

pytestmark = pytest.mark.django_db
_OPEN = ("firing", "recovering")


@pytest.fixture
def many(no_rules) -> list[Episode]:
    """Six open alerts of two services; the oldest two are critical."""
    return Episode.objects.bulk_create(
        Episode(
            rule_name=f"rule {n}", fingerprint=str(n), metric="m", direction="above",
            labels={"service.name": f"s{n % 2}"}, state=_OPEN[n % 2], value=1, threshold=0.5,
            severity="critical" if n < 2 else "warning", started_at=T0 + timedelta(minutes=n),
            fired_at=T0 + timedelta(minutes=n), updated_at=T0,
        )
        for n in range(6)
    )  # fmt: skip


def _asked(filters, **given: str):
    reader = filters(data={name: text for name, text in given.items() if text})
    reader.is_valid(raise_exception=True)
    return reader.validated_data


def _plan(rows) -> str:
    with connection.cursor() as cursor:
        # Six rows are read whole and sorted, unless that is made dear; what is left needs an index.
        for way in ("seqscan", "bitmapscan", "sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    return rows.explain()


def test_the_words_of_the_severities_sort_the_worst_first():
    assert sorted(Severity) == sorted(Severity, key=lambda one: -RANK[one])


@pytest.mark.parametrize("severity", ["", "critical"])
@pytest.mark.parametrize("state", ["open", "active"])
def test_an_index_gives_the_order_of_the_board_so_that_nothing_is_sorted(many, severity, state):
    asked = _asked(BoardFilters, severity=severity, state=state)
    wanted = listing.found(asked, BoardFilters)
    plan = _plan(wanted.order_by(*listing.WORST_FIRST)[:100])
    # Among six rows the index of all by severity is as good as that of the open ones.
    assert "alerts_episode_worst" in plan or (severity and "alerts_episode_severity" in plan)
    assert "Sort" not in plan


def test_an_index_gives_the_order_of_the_api_with_each_filter_by_severity(many):
    for severity in ("critical", "critical,warning", ""):
        plan = _plan(listing.found(_asked(AlertFilters, severity=severity))[:50])
        assert "Sort" not in plan, severity


def test_an_index_gives_the_admins_order_by_severity_of_what_is_over_too(many):
    plan = _plan(Episode.objects.filter(severity="critical").order_by("-started_at", "-pk")[:50])
    assert "alerts_episode_severity" in plan
    assert "Sort" not in plan


def test_a_count_stops_at_its_limit_and_is_written_with_a_plus(many):
    whole, part = counted(Episode.objects.all(), 6), counted(Episode.objects.all(), 5)
    assert (int(whole), str(whole), whole.more) == (6, "6", False)
    assert (int(part), str(part), part.more) == (5, "5+", True)
    assert str(queries.count_open(2)) == "2+"


def test_the_board_says_of_each_count_whether_it_is_the_whole(many, staff_client, monkeypatch):
    acknowledgements.acknowledge(many[2:], "ann")
    monkeypatch.setattr(rows, "MOST", 3)

    def told(query: str = "") -> str:
        page = staff_client.get(f"/admin/alerts/board/{query}").content.decode()
        return page[page.index("ph-toolbar") : page.index("ph-toolbar") + 400]

    lead = told()
    assert "<b>6</b> open · <b>2</b> critical · <b>4</b> taken" in lead
    assert "the worst 3 are shown" in lead
    monkeypatch.setattr(rows, "COUNTED", 4)
    assert "<b>4+</b> open · <b>2</b> critical · <b>4</b> taken" in told()
    monkeypatch.setattr(rows, "COUNTED", 3)
    assert "<b>3+</b> open · <b>2</b> critical · <b>3+</b> taken" in told()
    # Those that somebody has, or nobody, are counted by what is asked for.
    assert "<b>3+</b> open · <b>0</b> critical · <b>3+</b> taken" in told("?taken=yes")
    monkeypatch.setattr(rows, "MOST", 1)
    assert "<b>2</b> open · <b>2</b> critical · <b>0</b> taken" in told("?taken=no")
    # What is drawn whole is counted by what is drawn.
    monkeypatch.setattr(rows, "MOST", 3)
    assert "<b>2</b> open · <b>2</b> critical · <b>0</b> taken" in told("?severity=critical")


def test_the_admins_list_counts_to_a_limit_and_says_so(many, staff_client, monkeypatch):
    def told(query: str = "") -> str:
        page = staff_client.get(f"/admin/alerts/episode/{query}")
        return " ".join(page.content.decode().split())

    whole = told()
    assert "6 episodes" in whole
    assert whole.count('name="_selected_action"') == 6
    assert f'value="{many[0].pk}"' in whole
    assert "bg-red-100" in whole
    monkeypatch.setattr(base, "COUNTED", 4)
    monkeypatch.setattr("apps.alerts.admin.EpisodeAdmin.list_per_page", 2)
    with mock.patch.object(
        unfold_list, "label_for_field", side_effect=unfold_list.label_for_field
    ) as labels:
        page = told()
    # Once a column, and not once more for each row.
    assert labels.call_count == len(EpisodeAdmin.list_display) + 1
    assert "4+ episodes" in page
    assert "Select all 4+ episodes" in page
    assert "rule 3" in told("?p=2")


def test_the_live_message_reads_a_bounded_number_and_still_tells_of_every_change(many, monkeypatch):
    monkeypatch.setattr(topic, "MOST", 2)
    before = topic.newest()
    assert before == {**before, "open": 3, "critical": 2, "counted_to": 2}
    # Of the worst three, one; then one that is none of them.
    states = [before["state"]]
    for episode in (many[0], many[2]):
        acknowledgements.acknowledge([episode], "ann")
        states.append(topic.newest()["state"])
    # One with an earlier number that is committed late.
    EpisodeEvent.objects.create(pk=10**6, episode=many[3], at=T0, kind="fired")
    states.append(topic.newest()["state"])
    EpisodeEvent.objects.create(pk=10**6 - 1, episode=many[4], at=T0, kind="fired")
    states.append(topic.newest()["state"])
    assert len(set(states)) == 5
    Episode.objects.update(value=0.99)
    assert topic.newest()["state"] == states[-1]
