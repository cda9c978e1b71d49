"""Celery tasks: in the trace of who published them, with their wait, run and end."""

import json
import time

import pytest
from celery import current_app
from django.http import HttpResponse
from django.test import RequestFactory

from apps.core import request_id
from apps.monitoring import recorder as api
from apps.monitoring.recorder.context import active
from apps.monitoring.recorder.middleware import RecorderMiddleware
from tests.conftest import wait_until
from tests.monitoring.recorder import example_tasks as tasks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def states(attributes):
    def read(metric="celery.task.duration"):
        return {
            (dict(a)["celery.task.name"], dict(a).get("celery.task.state")): int(count)
            for a, count in attributes(metric).items()
        }

    return read


def test_a_task_run_in_place_is_a_child_of_its_caller(recorder, states, rows):
    with api.span("page") as page:
        tasks.order.apply(args=(1,))
        assert active() is page
    recorder.flush()
    assert states() == {("tests.order", "SUCCESS"): 1}
    ((trace, parent),) = rows("SELECT trace_id, parent_id FROM tm_span WHERE kind = 5")
    assert (trace.int, parent % 2**64) == (page.trace_id, page.span_id)
    assert request_id.current() is None


def test_nested_tasks_give_each_its_own_context_back(recorder, states):
    tasks.outer.apply()
    assert active() is None
    recorder.flush()
    assert states() == {("tests.outer", "SUCCESS"): 1, ("tests.order", "SUCCESS"): 1}


def test_failures_and_retries_are_told_apart(recorder, states, rows):
    tasks.fail.apply()
    tasks.again.apply()
    recorder.flush()
    assert states() == {
        ("tests.fail", "FAILURE"): 1, ("tests.again", "RETRY"): 1, ("tests.again", "FAILURE"): 1,
    }  # fmt: skip
    found = rows("SELECT attrs ->> 'error.type', status FROM tm_span WHERE kind = 5 ORDER BY 1, 2")
    assert found == [("LookupError", 2), ("OSError", 0), ("OSError", 2)]


@pytest.mark.slow
def test_a_request_is_followed_through_a_real_worker(recorder, states, rows, portal_process):
    worker, log = portal_process(
        "worker", "celery", "-A", "portal", "worker", "-Q", "recorder-test", "--pool", "threads",
        "-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat",
        "--include", "tests.monitoring.recorder.example_tasks",
    )  # fmt: skip
    wait_until(lambda: "ready." in log.read_text(errors="replace"), worker, log)

    def page(request):
        with current_app.connection_for_write() as connection:
            tasks.order.apply_async(args=(9,), queue="recorder-test", connection=connection)
        return HttpResponse()

    asked = RequestFactory().get("/", headers={"X-Request-ID": "followed-request"})
    RecorderMiddleware(page)(asked)
    recorder.flush()

    def told():
        return rows("SELECT 1 FROM tm_log WHERE body = 'order 9 placed'") and states()

    wait_until(lambda: bool(told()), worker, log, 30)
    worker.terminate()
    worker.wait(20)
    assert states() == {("tests.order", "SUCCESS"): 1}
    assert states("celery.task.wait") == {("tests.order", None): 1}
    assert rows("SELECT count(DISTINCT trace_id), count(*) FROM tm_span WHERE kind IN (2, 5)") == [
        (1, 2)
    ]
    joined = rows(
        "SELECT p.kind FROM tm_span t JOIN tm_span p ON p.span_id = t.parent_id WHERE t.kind = 5"
    )
    assert joined == [(4,)]  # the sending, which is below the request
    ((attrs, trace),) = rows("SELECT attrs, trace_id FROM tm_log WHERE body = 'order 9 placed'")
    assert json.loads(attrs)["request_id"] == "followed-request"
    assert rows("SELECT DISTINCT trace_id FROM tm_span WHERE kind = 5") == [(trace,)]
    line = next(row for row in log.read_text().splitlines() if "order 9 placed" in row)
    assert json.loads(line)["request_id"] == "followed-request"


def test_a_task_with_an_eta_waits_from_its_eta(monkeypatch):
    from apps.monitoring.recorder.tasks import _waited_s

    class Sent:
        pharos_published_s = 1_000.0
        eta = "1970-01-01T00:20:00+00:00"

    monkeypatch.setattr(time, "time", lambda: 1_203.5)
    assert _waited_s(Sent()) == pytest.approx(3.5)
    Sent.eta = None
    assert _waited_s(Sent()) == pytest.approx(203.5)
    Sent.pharos_published_s = None
    assert _waited_s(Sent()) is None
