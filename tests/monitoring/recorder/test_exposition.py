"""`/metrics`: right under several processes, restarts and crashes, and not for everybody."""

import os
import signal
import subprocess
import sys

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from apps.core.services import apikeys
from apps.monitoring.recorder import exposition

PROGRAM = """
import sys
from apps.monitoring.recorder import exposition
for _ in range(int(sys.argv[1])):
    exposition.request("/a/{b}/", "GET", 200, 0.15)
exposition.backlog(10)
exposition.dropped("buffer_full", 2)
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "files"))
    return tmp_path / "files"


@pytest.fixture
def process(directory):
    started = []

    def start(requests):
        made = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(requests)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ},
        )  # fmt: skip
        started.append(made)
        assert made.stdout.readline() == b"done\n"
        return made

    yield start
    for made in started:
        made.kill()
        made.communicate()


def figures():
    from prometheus_client import generate_latest

    text = generate_latest(exposition.registry()).decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in plain(text)
        for sample in family.samples
    }


LABELS = (("method", "GET"), ("path", "/a/{b}/"), ("status", "200"))
COUNT = ("api_request_duration_seconds_count", *LABELS)


def test_processes_add_up_and_the_dead_are_not_forgotten(process, directory):
    first, second = process(3), process(4)
    found = figures()
    assert found[COUNT] == 7
    assert found[("api_request_duration_seconds_bucket", ("le", "0.2"), *LABELS)] == 7
    assert found[("api_request_duration_seconds_bucket", ("le", "0.1"), *LABELS)] == 0
    assert found[("pharos_recorder_backlog_rows",)] == 20
    assert found[("pharos_recorder_dropped_total", ("reason", "buffer_full"))] == 4
    first.send_signal(signal.SIGKILL)
    first.wait()
    after = figures()
    assert after[COUNT] == 7
    assert after[("pharos_recorder_backlog_rows",)] == 10
    process(5)
    assert figures()[COUNT] == 12
    assert len(list(directory.glob("histogram_*.db"))) == 2
    second.kill()


def test_a_restart_in_place_leaves_no_further_files(process, directory):
    for _ in range(4):
        process(1).communicate()
    assert figures()[COUNT] == 4
    assert sorted(path.name for path in directory.glob("*.lock")) == ["0.lock"]


FORKS = """
import os
from apps.monitoring.recorder import exposition
exposition.request("/a/{b}/", "GET", 200, 0.15)
exposition.dropped("buffer_full", 1)
if (child := os.fork()) == 0:
    exposition.request("/a/{b}/", "GET", 200, 0.15)
    exposition.dropped("buffer_full", 2)
    os._exit(0)
os.waitpid(child, 0)
exposition.request("/a/{b}/", "GET", 200, 0.15)
"""


def test_a_forked_child_counts_in_files_of_its_own(directory):
    subprocess.run([sys.executable, "-c", FORKS], check=True)
    found = figures()
    assert found[COUNT] == 3
    assert found[("pharos_recorder_dropped_total", ("reason", "buffer_full"))] == 3
    assert len(list(directory.glob("histogram_*.db"))) == 2


HOST = """
import os
os.environ.pop("PROMETHEUS_MULTIPROC_DIR")
from apps.core.embedded.home import Home
from apps.monitoring.recorder import exposition
exposition.request("/a/{b}/", "GET", 200, 0.15)
import prometheus_client
assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
counter = prometheus_client.Counter("host", "Of the host.")
counter.inc(1, {"trace_id": "ab"})
(metric,) = counter.collect()
assert metric.samples[0].exemplar.labels == {"trace_id": "ab"}
assert not any(b"host" in path.read_bytes() for path in exposition.directory().glob("*.db"))
"""


def test_a_host_that_counts_with_the_same_library_is_left_alone(directory, tmp_path):
    env = {**os.environ, "PHAROS_HOME": str(tmp_path / "home")}
    subprocess.run([sys.executable, "-c", HOST], check=True, env=env)


def test_a_fresh_start_begins_at_nothing(process):
    process(3).communicate()
    exposition.clear()
    assert figures() == {}


def test_the_bounds_tell_the_goals_apart():
    assert {0.1, 0.2, 0.5, 1.0} < set(exposition.BUCKETS)


@pytest.fixture
def key(db):
    return apikeys.create("prometheus", ["read"])[1]


@pytest.mark.parametrize(
    "accept",
    [None, "*/*", "text/plain", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"],
)
def test_a_scraper_with_a_key_gets_valid_text(client, key, process, accept):
    process(2).communicate()
    headers = {"Authorization": f"Bearer {key}"} | ({"Accept": accept} if accept else {})
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    parse = open_metrics if "openmetrics" in answer["Content-Type"] else plain
    families = {family.name: family for family in parse(answer.content.decode())}
    assert families["api_request_duration_seconds"].type == "histogram"


@pytest.mark.django_db
def test_strangers_and_wrong_scopes_get_no_figures(client, directory):
    assert client.get("/metrics").status_code == 401
    _, secret = apikeys.create("sender", ["ingest"])
    refused = client.get("/metrics", headers={"Authorization": f"Bearer {secret}"})
    assert refused.status_code == 403
    assert refused["Content-Type"].startswith("application/json")


def test_staff_may_look(staff_client, directory):
    assert staff_client.get("/metrics").status_code == 200


def test_a_directory_that_cannot_be_made_costs_one_warning(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "file" / "below"))
    monkeypatch.setattr(exposition, "_figures", None)
    monkeypatch.setattr(exposition, "_broken", False)
    exposition.request("/a", "GET", 200, 0.1)
    exposition.request("/a", "GET", 200, 0.1)
    assert caplog.text.count("/metrics will lack this process") == 1


EXEMPLARS = """
import sys, time
from apps.monitoring.recorder import exposition
found = {"trace_id": sys.argv[1] * 16, "span_id": "cd" * 8, "time_ns": time.time_ns()}
exposition.request("/a/{b}/", "GET", 200, 0.15, found)
exposition.request("/a/{b}/", "GET", 200, 99.0, found)
exposition.publish()
"""


def test_open_metrics_shows_the_newest_exemplar_of_each_bucket(client, key, directory):
    for name in ("aa", "bb"):
        subprocess.run([sys.executable, "-c", EXEMPLARS, name], check=True)
    headers = {"Authorization": f"Bearer {key}"}
    full = client.get(
        "/metrics", headers={**headers, "Accept": "application/openmetrics-text;version=1.0.0"}
    )
    exemplars = {
        sample.labels["le"]: sample.exemplar
        for family in open_metrics(full.content.decode())
        for sample in family.samples
        if sample.exemplar
    }
    assert {le: (e.labels["trace_id"], e.value) for le, e in exemplars.items()} == {
        "0.15": ("bb" * 16, 0.15), "+Inf": ("bb" * 16, 99.0),
    }  # fmt: skip
    # The older format has no place for them.
    assert b"bb" * 16 not in client.get("/metrics", headers=headers).content
    (directory / "7.exemplars.json").write_text("[[")
    assert client.get("/metrics", headers=headers).status_code == 200
