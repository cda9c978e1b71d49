"""Scraping real servers: official client, liars, endless ones, and many workers at once."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from django.core.exceptions import ValidationError
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from apps.monitoring.collectors import running, scrape
from apps.monitoring.collectors.base import CollectError
from apps.monitoring.collectors.fetching import Fetcher
from apps.monitoring.collectors.scrape import Scrape
from apps.monitoring.models import CollectorState, ScrapeTarget


@pytest.fixture
def shows():
    """`shows(body, **headers)` is the address of a target; `.asked` holds what it was asked."""
    servers = []

    def start(body, status=200, **headers):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(dict(self.headers))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                try:
                    for part in [body] if isinstance(body, bytes) else body():
                        self.wfile.write(part)
                except OSError:
                    return

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        server.url = f"http://127.0.0.1:{server.server_port}/metrics"
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def target(url, **changes):
    fields = {"name": "shop", "service": "shop", "url": url, "interval_s": 5, "timeout_s": 5}
    return ScrapeTarget.objects.create(**{**fields, **changes})


def collect():
    return running.collect(Scrape.configured)


def test_what_the_official_client_counts_is_what_is_stored(store, rows, values, due):
    registry = CollectorRegistry()
    counter = Counter("jobs", "Jobs", ["kind"], registry=registry)
    took = Histogram("took_seconds", "Took", buckets=(0.1, 1.0), registry=registry)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        target(f"http://127.0.0.1:{server.server_port}/metrics", labels={"region": "eu"})
        counter.labels("mail").inc(3)
        took.observe(0.5, {"trace_id": "ab" * 16, "span_id": "cd" * 8})
        (result,) = collect()
        assert (result.status, result.error) == ("ok", "")
        counter.labels("mail").inc(4)
        due()
        collect()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
    assert values("jobs_total") == [3.0, 7.0]
    assert values("up") == [1.0, 1.0]
    assert values("scrape_samples_scraped") == [2.0, 2.0]
    assert min(values("scrape_duration_seconds")) > 0
    found = rows(
        "SELECT r.attrs->>'service.instance.id', s.attrs->>'kind', s.attrs->>'region', m.unit,"
        " m.monotonic, p.start_ts IS NOT NULL FROM tm_sample p"
        " JOIN tm_series s ON s.id = p.series_id JOIN tm_metric m ON m.id = s.metric_id"
        " JOIN tm_resource r ON r.id = s.resource_id WHERE m.name = 'jobs_total' LIMIT 1"
    )
    assert found == [(f"127.0.0.1:{server.server_port}", "mail", "eu", "1", True, True)]
    points = rows("SELECT n, sum, bounds, pos, exemplars->0->>'trace_id' FROM tm_hist ORDER BY ts")
    assert points[0] == (1, 0.5, [0.1, 1.0], [0, 1, 0], "ab" * 16)


def test_an_answer_that_is_not_read_to_its_end_leaves_no_socket_open(shows):
    server = shows(b"x" * (4 << 20), Connection="close")
    with pytest.raises(CollectError, match="larger than"):
        Fetcher().get("a", server.url, {}, timeout_s=5, most_bytes=100)
    mine = psutil.Process().net_connections("tcp")
    assert [one for one in mine if one.raddr and one.raddr.port == server.server_port] == []


def test_every_failed_scrape_says_up_0_and_why(store, shows, values):
    cases = {
        "big": (shows(b"a 1\n" * 50), "more than 20 samples"),
        "cut": (shows(b"a 1\n", Content_Type="application/openmetrics-text"), "# EOF"),
        "html": (shows(b"<p>", Content_Type="text/html"), "text/html"),
        "moved": (shows(b"", 302, Location="http://169.254.169.254/"), "answered 302"),
        "junk": (shows(b"\xff\xfe 1\n"), "UTF-8"),
        "bomb": (
            shows(gzip.compress(b"#" * (40 << 20)), Content_Encoding="gzip"), "larger than"
        ),
        "short": (
            shows(gzip.compress(b"a 1\n" * 99)[:-9], Content_Encoding="gzip"), "cut off"
        ),
        "bad": (shows(b"a{ 1\n"), "Line 1"),
    }  # fmt: skip
    for name, (server, _) in cases.items():
        target(server.url, name=name, sample_limit=20)
    results = {r.collector.target: r for r in collect()}
    for name, (_, words) in cases.items():
        assert results[name].status == "unknown", name
        assert words in results[name].error, name
    assert values("up") == [0.0] * len(cases)
    assert values("a") == []


def test_the_authorization_is_sent_and_shown_nowhere(store, shows, rows):
    server = shows(b"a 1\n")
    made = target(server.url, authorization="Bearer hush-hush")
    assert collect()[0].status == "ok"
    assert server.asked[0]["Authorization"] == "Bearer hush-hush"
    assert "openmetrics" in server.asked[0]["Accept"]
    stored = rows("SELECT * FROM monitoring_scrapetarget")[0]
    assert "hush" not in repr((stored, made, list(Scrape.configured())))


def test_two_workers_scrape_a_target_once(store, shows):
    server = shows(b"a 1\n")
    target(server.url)
    collect()
    collect()
    assert len(server.asked) == 1
    assert CollectorState.objects.get(kind="scrape").detail == "1 series"


def test_an_endless_answer_ends_at_the_timeout(shows):
    def endless():
        while True:
            yield b"# comment\n" * 100

    one = Scrape(target="x", url=shows(endless).url, timeout_s=0.3)
    with pytest.raises(CollectError, match=r"in time|larger"):
        one.read()


def test_link_local_addresses_are_never_asked(shows, monkeypatch):
    monkeypatch.setattr("apps.monitoring.collectors.fetching.may_be_asked", lambda _: False)
    server = shows(b"a 1\n")
    with pytest.raises(CollectError, match="never read"):
        Scrape(target="x", url=server.url).read()
    assert server.asked == []


def test_what_a_target_showed_is_forgotten_with_it(store, shows):
    made = target(shows(b"a 1\n").url)
    collect()
    assert ("scrape", "shop") in scrape._memories
    made.delete()
    list(Scrape.configured())
    assert ("scrape", "shop") not in scrape._memories


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": {"__name__": "x"}}, {"labels": {"a-b": "x"}}, {"labels": {"a": 1}},
        {"labels": ["a"]}, {"labels": {"a": ""}}, {"url": "ftp://x/"}, {"url": "http://u:p@x/"},
        {"timeout_s": 20.0, "interval_s": 10.0}, {"interval_s": 1.0},
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_the_form(changes):
    fields = {"name": "n", "service": "s", "url": "http://x/metrics"}
    with pytest.raises(ValidationError):
        ScrapeTarget(**{**fields, **changes}).full_clean(validate_unique=False)
