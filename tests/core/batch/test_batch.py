"""Batches: order, threads, failures, deadline."""

import json
import threading

import pytest
from django.db import connections
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from apps.core.batch import runner, shapes, views
from apps.core.models import AuditEntry
from tests.core.batch import urls
from tests.core.batch.conftest import get, items, outcomes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.core.batch.urls")]


def test_results_come_in_order_with_their_ids(batch):
    found = items(batch(*[get(f"/echo?n={n}", id=f"call-{n}") for n in range(20)]))
    assert [item["id"] for item in found] == [f"call-{n}" for n in range(20)]
    assert [item["body"]["path"] for item in found] == [f"/echo?n={n}" for n in range(20)]
    assert all(item["body"]["inside"] for item in found)


def test_without_an_id_the_place_is_enough(batch):
    assert [item["id"] for item in items(batch(get("/echo"), get("/echo")))] == [None, None]


def test_each_call_has_a_request_id_of_its_own_after_that_of_the_batch(batch):
    found = items(batch(get("/echo"), get("/echo"), **{"X-Request-ID": "abcdefgh"}))
    assert [item["body"]["request_id"] for item in found] == ["abcdefgh.1", "abcdefgh.2"]
    assert [item["headers"]["X-Request-ID"] for item in found] == ["abcdefgh.1", "abcdefgh.2"]


def test_the_calls_belong_to_the_trace_of_the_batch(batch):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = f"00-{trace}-00f067aa0ba902b7-01"
    found = items(batch(get("/echo"), get("/echo"), traceparent=sent))
    told = [item["body"]["meta"]["HTTP_TRACEPARENT"] for item in found]
    assert [text.split("-")[1] for text in told] == [trace] * 2
    assert sent not in told  # they are children of the batch, not its siblings


def test_reads_run_beside_each_other(batch, settings):
    urls.meeting.append(threading.Barrier(settings.PHAROS_BATCH_THREADS))
    calls = [get("/meet")] * settings.PHAROS_BATCH_THREADS
    assert outcomes(batch(*calls)) == [200] * len(calls)


def test_changes_run_one_after_another_and_what_follows_sees_them(batch):
    make = [{"method": "POST", "path": "/keys", "body": {"name": str(n)}} for n in range(3)]
    found = items(batch(get("/keys"), make[0], get("/keys"), make[1], make[2], get("/keys")))
    assert [item["status"] for item in found] == [200, 201, 200, 201, 201, 200]
    assert [item["body"].get("keys") for item in found] == [0, None, 1, None, None, 3]
    told = AuditEntry.objects.filter(action="apikey.create", target__startswith="made")
    assert [entry.actor for entry in told] == ["key:ci"] * 3
    assert len({entry.request_id for entry in told}) == 3


def test_one_that_fails_sinks_nobody(batch):
    leave = {"method": "POST", "path": "/boom"}
    found = items(batch(get("/echo"), get("/boom"), leave, get("/nothing"), get("/echo")))
    assert [item["status"] for item in found] == [200, 500, 500, 404, 200]
    assert found[1]["body"]["error"] == "internal_error"
    assert "secret" not in json.dumps(found)


def test_bodies_are_passed_on_as_json(batch):
    call = {"method": "PUT", "path": "/echo", "body": {"n": [1, None, "ü"]}}
    (found,) = items(batch(call))
    assert found["body"]["data"] == {"n": [1, None, "ü"]}


def test_an_answer_without_a_body_is_null(batch):
    found = items(
        batch({"method": "DELETE", "path": "/empty"}, {"method": "HEAD", "path": "/echo"})
    )
    assert [(item["status"], item["body"]) for item in found] == [(204, None), (200, None)]


def test_a_stream_is_refused_and_closed(batch):
    (found,) = items(batch(get("/stream")))
    assert (found["status"], found["body"]["error"]) == (406, "not_acceptable")
    assert urls.seen == ["closed"]


def test_an_export_is_refused(batch):
    assert outcomes(batch(get("/admin/audit?format=csv"))) == [406]


def test_an_answer_that_is_too_large_is_told_and_not_sent(batch):
    found = items(batch(get("/big"), {"method": "POST", "path": "/big"}))
    assert [item["status"] for item in found] == [413, 413]
    assert "carried out" not in found[0]["body"]["message"]
    assert "carried out" in found[1]["body"]["message"]


def test_a_condition_is_passed_on(batch, monkeypatch):
    monkeypatch.setattr(urls.Versioned, "at", "v1")
    (first,) = items(batch(get("/versioned")))
    tag = first["headers"]["ETag"]
    (again,) = items(batch(get("/versioned", headers={"If-None-Match": tag})))
    assert (again["status"], again["body"]) == (304, None)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(views.BatchView, "deadline_s", 0.3)


def test_what_runs_at_the_deadline_is_unknown_and_what_did_not_begin_was_not_done(batch, short):
    urls.gates["g"] = threading.Event()
    hold = {"method": "POST", "path": "/hold?gate=g"}
    found = items(
        batch(get("/echo?n=1"), hold, get("/echo?n=2"), {"method": "POST", "path": "/keys"})
    )
    assert [item["status"] for item in found] == [200, 504, 504, 504]
    assert [item["body"].get("error") for item in found[1:]] == ["timeout"] * 3
    assert [item["body"]["details"]["begun"] for item in found[1:]] == [True, False, False]
    assert urls.seen == ["GET /echo?n=1", "held"]


def test_reads_that_wait_for_a_thread_at_the_deadline_never_run(batch, short, settings):
    urls.gates["g"] = threading.Event()
    busy = settings.PHAROS_BATCH_THREADS
    found = items(batch(*[get("/hold?gate=g")] * busy, *[get("/echo")] * 3))
    begun = [item["body"]["details"]["begun"] for item in found]
    assert begun == [True] * busy + [False] * 3
    urls.gates["g"].set()
    runner.stop()
    assert urls.seen == ["held"] * busy


def test_many_batches_at_once_neither_deadlock_nor_pile_up(secret, batch, settings):
    """All their threads hang; the next is told at once to come back, and later all is well."""
    urls.gates["g"] = threading.Event()
    replies = []

    def hold():
        try:
            replies.append(batch(get("/hold?gate=g")))
        finally:
            connections.close_all()

    holders = [threading.Thread(target=hold) for _ in range(settings.PHAROS_BATCHES_AT_ONCE)]
    for holder in holders:
        holder.start()
    while len(urls.seen) < min(len(holders), settings.PHAROS_BATCH_THREADS):
        threading.Event().wait(0.01)
    while views._at_once.acquire(blocking=False):
        views._at_once.release()
        threading.Event().wait(0.01)
    refused = batch(get("/echo"))
    assert (refused.status_code, refused["Retry-After"]) == (503, "1")
    urls.gates["g"].set()
    for holder in holders:
        holder.join()
    assert [outcomes(reply) for reply in replies] == [[200]] * len(holders)
    assert outcomes(batch(get("/echo"))) == [200]


def test_batches_describe_themselves():
    schema = SchemaGenerator().get_schema(public=True)
    post = schema["paths"]["/batch"]["post"]
    assert {"200", "400", "401", "413", "429", "503"} <= post["responses"].keys()
    calls = schema["components"]["schemas"]["Batch"]["properties"]["requests"]
    assert (calls["minItems"], calls["maxItems"]) == (1, shapes.MOST_ITEMS)


def test_the_most_items_are_twenty(batch):
    assert outcomes(batch(*[get("/echo")] * shapes.MOST_ITEMS)) == [200] * 20
    assert Client().post("/batch").status_code == 401
