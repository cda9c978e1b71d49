"""The chart in a message: drawn without a browser, read in time, fetched by a signed address."""

import email
import io
import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from PIL import Image

from apps.alerts.delivery import chart, notifier_for
from apps.alerts.delivery.chart import draw, links, read
from apps.alerts.models import Episode
from apps.monitoring.intake.commit import committer
from apps.monitoring.store.rows import Batch, Kind, Metric, Resource, Sample, Series
from tests.alerts.chat.conftest import ALERT, envelope, send
from tests.alerts.test_email import mailbox  # noqa: F401
from tests.monitoring.store.conftest import store  # noqa: F401

T0 = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHOP = Resource({"service.name": "shop"})
MANY = dict.fromkeys("abcdefghijk", "")
QUEUE = Metric("shop.queue.length", "{job}", Kind.GAUGE)


def picture(values, **fields) -> draw.Picture:
    points = [(T0 + timedelta(seconds=15 * n), value) for n, value in enumerate(values)]
    given = {
        "title": "queue (avg) 대기열", "points": points, "threshold": 5.0, "above": True,
        "severity": "critical", "since": T0 + timedelta(seconds=30), "label": lambda v: f"{v:g}",
        **fields,
    }  # fmt: skip
    return draw.Picture(**given)


def colours(png: bytes) -> set[tuple[int, int, int]]:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    assert image.size == (draw.WIDTH, draw.HEIGHT)
    return {colour for _n, colour in image.getcolors(1 << 20)}


def near(colour: str, found) -> bool:
    want = tuple(int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return any(sum(abs(a - b) for a, b in zip(want, one, strict=True)) < 24 for one in found)


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ([1, 2, None, 8, 9], {}),
        ([0.0, 0.0], {}),
        ([-3, 4, None, None, 2], {"above": False}),
        ([1e12, 2e12], {"threshold": None}),
        ([1e-9, 1e-9, 1e-9], {"threshold": 1e-9}),
        ([5, None], {"threshold": 5.0, "points": [(T0, 5.0), (T0, 6.0)]}),
    ],
)
def test_a_line_and_its_threshold_are_drawn_whatever_the_figures(values, fields):
    png = draw.png(picture(values, **fields))
    found = colours(png)
    assert len(png) < 40_000
    assert near("#1d4ed8", found)
    assert near("#b91c1c", found) == (fields.get("threshold", 5.0) is not None)


def test_a_warning_is_not_drawn_red():
    found = colours(draw.png(picture([1, 9], severity="warning", since=T0 - timedelta(days=1))))
    assert near("#b45309", found)
    assert not near("#b91c1c", found)


@pytest.mark.parametrize("values", [[], [1], [None, None], [None, 3.0]])
def test_fewer_than_two_points_are_no_picture(values):
    assert draw.png(picture(values)) is None


@pytest.mark.parametrize(
    "payload",
    [
        {}, {"purpose": "test"}, {**ALERT, "breaches": []},
        {**ALERT, "breaches": [{**ALERT["breaches"][0], "aggregation": "ratio"}]},
        {**ALERT, "breaches": [{**ALERT["breaches"][0], "metric": ""}]},
        {**ALERT, "breaches": [{**ALERT["breaches"][0], "labels": MANY}]},
    ],
)  # fmt: skip
def test_what_is_no_series_has_no_chart(payload):
    assert chart.of_payload(payload) is None
    assert chart.pictured(payload) is None


def test_a_store_that_fails_or_is_slow_costs_the_picture_and_not_the_message(monkeypatch):
    def fail(*_args):
        raise OperationalError("away")

    monkeypatch.setattr(read, "drawn", fail)
    assert chart.pictured(ALERT) is None
    monkeypatch.setattr(read, "drawn", lambda shown: time.sleep(0.3))
    monkeypatch.setattr(read, "_LIMIT_S", 0.01)
    assert chart.pictured(ALERT) is None


def test_an_address_is_given_only_where_somebody_could_fetch_it(settings):
    settings.PHAROS_URL = "http://pharos.example.com"
    assert chart.url_for(ALERT) == ""
    settings.PHAROS_URL = "https://localhost:8000"
    assert chart.url_for(ALERT) == ""
    settings.PHAROS_URL = "https://pharos.example.com"
    url = chart.url_for(ALERT)
    assert url.startswith("https://pharos.example.com/alerts/chart/")
    assert chart.url_for({**ALERT, "breaches": []}) == ""


def test_only_addresses_that_were_signed_within_a_week_are_read():
    episode = uuid4()
    word = links.token(episode)
    assert links.read(word)[0] == episode
    for wrong in (word[:-1], "x", "", word.replace(":", ".", 1)):
        assert links.read(wrong) is None
    with time_machine.travel(datetime.now(UTC) + timedelta(days=8)):
        assert links.read(word) is None


def test_discord_gets_the_chart_as_a_file(inbox):
    png = draw.png(picture([1, 9]))
    assert send("discord", inbox, chart=lambda: png).provider_id
    (call,) = inbox.calls("discord")
    assert call["headers"]["Content-Type"].startswith("multipart/form-data")
    assert "attachment://chart.png" in call["body"]


def test_slack_gets_the_chart_in_the_thread_after_the_words(inbox):
    png = draw.png(picture([1, 9]))
    config = {"base_url": f"{inbox.url}/slack/ok", "chart": True}
    sent = send("slack", inbox, config=config, chart=lambda: png)
    assert [call["path"] for call in inbox.calls("slack")] == [
        "chat.postMessage", "files.getUploadURLExternal", "upload/1",
        "files.completeUploadExternal",
    ]  # fmt: skip
    shared = inbox.bodies("slack", "files.completeUploadExternal")[0]
    assert f"{shared['channel_id']}:{shared['thread_ts']}" == sent.provider_id


def test_pagerduty_and_teams_get_its_address(inbox, settings):
    settings.PHAROS_URL = "https://pharos.example.com"
    send("pagerduty", inbox)
    send("teams", inbox)
    (image,) = inbox.bodies("pagerduty")[0]["images"]
    assert image["src"].startswith("https://pharos.example.com/alerts/chart/")
    assert "https://pharos.example.com/alerts/chart/" in json.dumps(inbox.bodies("teams"))


def test_a_mail_shows_the_chart_within_its_page(mailbox):  # noqa: F811
    png = draw.png(picture([1, 9]))
    sent = notifier_for("email").send(envelope_to(png))
    assert sent.error == ""
    (message,) = mailbox.messages
    assert message.get_content_type() == "multipart/related"
    (image,) = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert image.get_content() == png
    page = message.get_body(("html",)).get_content()
    assert f'src="cid:{image["Content-ID"].strip(" <>")}"' in page
    assert isinstance(message, email.message.EmailMessage)


def envelope_to(png):
    from apps.alerts.delivery import Envelope

    return Envelope("k" * 64, "oncall@example.com", "", ALERT, chart=lambda: png)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("store")
def test_a_chart_is_read_from_the_store_kept_and_fetched_by_strangers(django_assert_num_queries):
    now = datetime.now(UTC)
    begun_s = int(now.timestamp()) - 600
    series = Series(QUEUE, SHOP, {"queue": "mail"})
    times = [(begun_s + 30 * n) * 10**9 for n in range(20)]
    samples = [Sample(series, at, 10.0 * n, at - 10**9) for n, at in enumerate(times)]
    assert committer().ingest(Batch(samples=samples)).accepted == 20
    committer().close()
    told = Episode.objects.create(
        rule_name="Queue", fingerprint="f", metric="shop.queue.length", direction="above",
        state="firing", severity="critical", started_at=now - timedelta(minutes=5),
        updated_at=now, unit="{job}", threshold=100.0, labels={"queue": "mail"},
    )  # fmt: skip
    cache.clear()
    one = {**ALERT["breaches"][0], "metric": told.metric, "aggregation": "avg", "unit": told.unit}
    since = {"since": told.started_at.isoformat()}
    breach = {**one, **since, "labels": told.labels, "threshold": 100.0}
    png = chart.pictured({**ALERT, **since, "breaches": [breach]})
    assert near("#1d4ed8", colours(png))
    with django_assert_num_queries(0):
        assert chart.pictured({**ALERT, **since, "breaches": [breach]}) == png

    # The episode has no rule, and so no figure that could be drawn again.
    address = f"/alerts/chart/{links.token(told.pk)}.png"
    assert Client().get(address).status_code == 404
    assert Client().get("/alerts/chart/nonsense.png").status_code == 404
    assert Client().post(address).status_code == 405


@pytest.mark.django_db
def test_a_fetched_chart_may_be_kept_by_whoever_fetched_it(monkeypatch):
    told = Episode.objects.create(
        rule_name="Queue", fingerprint="f", metric="m", direction="above", state="firing",
        severity="critical", started_at=T0, updated_at=T0,
    )  # fmt: skip
    monkeypatch.setattr(chart, "picture", lambda shown: b"png")
    answer = Client().get(f"/alerts/chart/{links.token(told.pk)}.png")
    assert (answer.status_code, answer.content) == (200, b"png")
    assert answer["Content-Type"] == "image/png"
    assert "public" in answer["Cache-Control"]


def test_an_envelope_has_no_chart_unless_it_was_given_one(inbox):
    assert envelope("slack", inbox).chart() is None
