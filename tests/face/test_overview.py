"""What the Overview computes and serves."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from psycopg.errors import QueryCanceled

from apps.core.charts.palette import STYLES
from apps.core.charts.window import Window, tail
from apps.core.timerange import TimeRange
from apps.monitoring.models import Resource as ResourceRow
from apps.monitoring.queries.series import Latest, SeriesResult
from apps.monitoring.store.rows import Resource
from portal.overview import panels, payload, reading

T0 = datetime(2026, 11, 21, 12, tzinfo=UTC)
T1 = T0 + timedelta(seconds=10)


def result(points: list[float | None], unit: str = "s", **labels: str) -> SeriesResult:
    named = {key.replace("__", "."): value for key, value in labels.items()}
    return SeriesResult(named, unit, list(zip((T0, T1), points, strict=True)))


@pytest.fixture
def answers(monkeypatch):
    """Canned answers of the store, by metric and aggregation."""
    kept: dict[tuple[str, str], list] = {}
    asked: list[tuple[str, str]] = []

    def read(query, time_range, step_s):
        asked.append((query.metric, query.aggregation))
        return kept.get((query.metric, query.aggregation), [])

    def latest(query, window_s):
        return [
            Latest(item.labels, item.points[-1][1], T1)
            for item in kept.get((query.metric, query.aggregation), [])
        ]

    monkeypatch.setattr(reading, "read", read)
    monkeypatch.setattr(reading, "latest", latest)
    kept["asked", ""] = asked
    return kept


def panel(key: str) -> panels.Panel:
    return next(item for item in panels.PANELS if item.key == key)


def reader() -> reading.Reader:
    return reading.Reader("shop", TimeRange(T1 - timedelta(minutes=15), T1), 10)


def lines(key: str) -> dict[str, list[float | None]]:
    return {line.name: list(line.values.values()) for line in panel(key).read(reader())}


def test_errors_are_none_only_where_no_request_is_known(answers):
    answers[panels.REQUESTS, "rate"] = [
        result([8.0, None], http__response__status_code="200"),
        result([2.0, None], http__response__status_code="503"),
    ]
    assert lines("errors") == {"5xx": [20.0, None], "4xx": [0.0, None]}
    assert lines("requests") == {"all": [10.0, None]}


def test_requests_and_errors_share_one_query(answers):
    shared = reader()
    panel("requests").read(shared)
    panel("errors").read(shared)
    assert answers["asked", ""] == [(panels.REQUESTS, "rate")]


def test_nothing_is_not_zero(answers):
    for item in panels.PANELS:
        assert [line for line in item.read(reader()) if any(line.values.values())] == []
        assert item.now(reader()) is None


def test_hits_are_told_among_lookups_only(answers):
    answers[panels.CACHE, "increase"] = [
        result([3.0, 0.0], cache__state="hit"),
        result([1.0, 0.0], cache__state="miss"),
        result([9.0, 9.0], cache__state="ok"),
    ]
    assert lines("hit_ratio") == {"hits": [75.0, None]}
    assert panel("hit_ratio").now(reader()) is None


@pytest.mark.parametrize(("unit", "expected"), [("s", 250.0), ("ms", 0.25)])
def test_durations_are_milliseconds_whatever_unit_was_sent(answers, unit, expected):
    answers[panels.REQUESTS, "p95"] = [result([0.25, None], unit)]
    assert lines("latency")["p95"] == [expected, None]


def test_time_in_sql_is_spread_over_the_step(answers):
    answers[panels.SQL, "sum"] = [result([0.5, 1.0])]
    assert lines("sql_time") == {"all": [50.0, 100.0]}


def test_one_slow_query_spoils_only_its_own_panel(answers, monkeypatch, db):
    healthy = reading.read

    def read(query, time_range, step_s):
        if query.metric == panels.SQL:
            raise OperationalError("slow") from QueryCanceled("statement timeout")
        return healthy(query, time_range, step_s)

    monkeypatch.setattr(reading, "read", read)
    answers[panels.REQUESTS, "rate"] = [result([1.0, 1.0], http__response__status_code="200")]
    message = payload.newest("shop", 10)
    assert message["slow"] == ["sql_time"]
    assert message["panels"]["requests"][0]["y"] == [1.0, 1.0]


def test_a_lost_database_spoils_the_whole_message(answers, monkeypatch, db):
    def read(query, time_range, step_s):
        raise OperationalError("gone")

    monkeypatch.setattr(reading, "read", read)
    with pytest.raises(OperationalError):
        payload.newest("shop", 10)


def test_visitors_at_the_same_moment_share_one_computation(answers, db):
    hour = Window(T0 - timedelta(hours=1), T0, 10)
    first = payload.whole("shared-test", hour)
    asked = len(answers["asked", ""])
    assert payload.whole("shared-test", hour) is first
    assert len(answers["asked", ""]) == asked


def test_a_live_range_is_measured_against_the_same_minute_a_range_earlier(monkeypatch, db):
    asked = []
    monkeypatch.setattr(reading, "read", lambda *_: [])
    monkeypatch.setattr(reading, "latest", lambda *_: [])
    monkeypatch.setattr(reading, "over", lambda _query, span: asked.append(span) or [])
    end = tail(10).end
    payload.whole("compared-test", Window(end - timedelta(hours=1), end, 10, live=True))
    assert {(span.end, span.duration_s) for span in asked} == {(end - timedelta(hours=1), 60.0)}


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("card", ["#ffffff", "#161d2b"])
def test_every_line_colour_stands_out_on_both_cards(card):
    for look in STYLES:
        bright, dark = sorted((_luminance(look.color), _luminance(card)), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 3, look


class TestData:
    URL = "/admin/overview/data"

    def test_it_gives_points_and_figures(self, staff_client):
        answer = staff_client.get(self.URL)
        assert answer.status_code == 200
        body = answer.json()
        assert set(body["figures"]) == {item.key for item in panels.PANELS}
        assert body["state"]["service"] == "pharos"
        assert body["topic"] == "overview:10:pharos"

    def test_a_range_that_has_ended_has_no_live_topic(self, staff_client):
        body = staff_client.get(self.URL, {"from": "now-2h", "to": "now-1h"}).json()
        assert body["topic"] == ""
        assert body["range"]["live"] is False

    def test_links_of_the_first_version_are_understood(self, staff_client):
        told = staff_client.get(self.URL, {"range": "6h"}).json()["range"]
        assert (told["from"], told["to"]) == ("now-6h", "now")

    def test_csv_is_one_panel_in_utc(self, staff_client):
        answer = staff_client.get(self.URL, {"format": "csv", "panel": "requests"})
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.getvalue().decode().splitlines()[0] == "time,series,value,unit"
        assert staff_client.get(self.URL, {"format": "csv"}).status_code == 400

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("range=2y", 400),
            ("from=yesterday", 400),
            ("from=now&to=now-1h", 400),
            ("width=-1", 400),
            ("width=%D9%A3", 400),
            ("panel=none&format=csv", 400),
            ("invented=1", 400),
            ("service=nobody", 404),
            ("service=%00", 400),
        ],
    )
    def test_wrong_choices_are_told_in_json(self, staff_client, query, status):
        answer = staff_client.get(f"{self.URL}?{query}")
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "message", "details", "request_id"}

    def test_programs_without_a_session_get_401_and_others_403(self, db):
        client = Client()
        assert client.get(self.URL).status_code == 401
        client.force_login(User.objects.create_user("visitor"))
        assert client.get(self.URL).status_code == 403
        assert client.get(self.URL).json()["error"] == "permission_denied"

    def test_it_only_reads(self, staff_client):
        assert staff_client.post(self.URL).status_code == 405


def test_an_unknown_service_is_told_once_with_those_that_are_written_like_it(staff_client):
    now = datetime.now(UTC)
    ResourceRow.objects.create(
        id=999_998, hash=Resource({"service.name": "shop"}).hash, service="shop", attrs={},
        first_seen=now, last_seen=now,
    )  # fmt: skip
    answer = staff_client.get("/admin/", {"service": "shopp", "from": "now-6h"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count("has sent anything yet") == 1
    assert 'href="?service=shop&amp;from=now-6h&amp;to=now"' in page
    assert 'href="?service=pharos&amp;from=now-6h&amp;to=now"' in page
    # Nothing asks for figures nobody has.
    assert "data-panel=" not in page
    assert "overview.js" not in page


@pytest.mark.parametrize("name", ['"><script>alert(1)</script>', "a\u202eb", "a\0b"])
def test_an_unknown_service_may_be_called_anything(staff_client, name):
    page = staff_client.get("/admin/", {"service": name}).content.decode()
    assert "has sent anything yet" in page
    assert "<script>alert" not in page
    card = page.split('role="alert"')[1].split("</div>")[0]
    assert "\u202e" not in card
    assert "\0" not in card


def test_anonymous_visitors_are_led_to_the_login_page(db):
    for path in ("/admin/", "/admin/traces/", "/admin/logs/", "/admin/about/"):
        answer = Client().get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")


def test_a_service_name_cannot_smuggle_markup_into_the_page(staff_client):
    name = '"><script>alert(1)</script>&range=24h'
    hash_ = Resource({"service.name": name}).hash
    now = datetime.now(UTC)
    ResourceRow.objects.create(
        id=999_999, hash=hash_, service=name, attrs={}, first_seen=now, last_seen=now
    )
    page = staff_client.get("/admin/", {"service": name}).content.decode()
    assert "<script>alert(1)" not in page
    assert "range%3D24h" in page
