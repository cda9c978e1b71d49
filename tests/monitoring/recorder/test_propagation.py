"""Traces across processes and threads: what comes in goes on, and the parent is the right one.

The cases of headers restate w3c/trace-context: test/test.py.
"""

import asyncio
import http.client
import json
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import requests
import urllib3
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from apps.core import request_id
from apps.monitoring import recorder as api
from apps.monitoring.recorder import http as hooks
from apps.monitoring.recorder import tasks, threads
from apps.monitoring.recorder.context import active, current, parse
from apps.monitoring.recorder.middleware import RecorderMiddleware
from apps.monitoring.recorder.tracestate import accept

TRACE, SPAN = "12345678901234567890123456789012", "1234567890123456"
PARENT = f"00-{TRACE}-{SPAN}-01"
LETTERS = "".join(map(chr, range(0x61, 0x7B))) + "0123456789_-*/"
VALUES = "".join(chr(c) for c in range(0x20, 0x7F) if chr(c) not in ",=")


def goes_on(**headers):
    """What a request with these headers says to those it asks: (traceparent, tracestate)."""
    found = {}

    def view(request):
        api.inject(found)
        return HttpResponse()

    meta = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    RecorderMiddleware(view)(RequestFactory().get("/", **meta))
    return parse(found["traceparent"]), found.get("tracestate")


@pytest.fixture(autouse=True)
def recording(settings, monkeypatch):
    settings.PHAROS_RECORDER = True
    added = []
    monkeypatch.setattr("apps.monitoring.recorder.buffer.recorder.add", added.append)
    return added


@pytest.mark.parametrize(
    "header",
    [PARENT, f" {PARENT}", f"\t{PARENT} \t", f"cc-{TRACE}-{SPAN}-01",
     f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"],
)  # fmt: skip
def test_a_right_parent_is_taken_over_and_becomes_the_parent(header):
    told, _ = goes_on(traceparent=header)
    assert f"{told.trace_id:032x}" == TRACE
    assert f"{told.span_id:016x}" != SPAN


@pytest.mark.parametrize(
    "header",
    [f"{PARENT},{PARENT}", f"{PARENT}.", f"{PARENT}-what-the-future-will-be-like",
     f"cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like", f"ff-{TRACE}-{SPAN}-01",
     f".0-{TRACE}-{SPAN}-01", f"0.-{TRACE}-{SPAN}-01", f"000-{TRACE}-{SPAN}-01",
     f"0-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-.{TRACE[1:]}-{SPAN}-01",
     f"00-{TRACE}3-{SPAN}-01", f"00-{TRACE[:-1]}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
     f"00-{TRACE}-.{SPAN[1:]}-01", f"00-{TRACE}-{SPAN}7-01", f"00-{TRACE}-{SPAN[:-1]}-01",
     f"00-{TRACE}-{SPAN}-.0", f"00-{TRACE}-{SPAN}-001", f"00-{TRACE}-{SPAN}-1", ""],
)  # fmt: skip
def test_a_wrong_parent_makes_a_new_trace_without_the_callers_state(header):
    told, state = goes_on(traceparent=header, tracestate="foo=1")
    assert f"{told.trace_id:032x}" != TRACE
    assert state is None
    # Ours are random in all bits, and say so.
    assert (told.sampled, told.random) == (True, True)


@pytest.mark.parametrize("flags", ["00", "01", "02", "03"])
def test_flags_of_level_two_go_on(flags):
    told, _ = goes_on(traceparent=f"00-{TRACE}-{SPAN}-{flags}")
    assert told.sampled == bool(int(flags) & 1)
    assert told.random == bool(int(flags) & 2)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("foo=1,bar=2", "foo=1,bar=2"), ("foo=1,", "foo=1"), (",foo=1", "foo=1"), ("", None),
        ("foo=1,bar=2,rojo=1,congo=2,baz=3", "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        ("foo=1,foo=2", "foo=1"), ("foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"),
        ("\t foo=1 \t", "foo=1"), ("foo@=1,bar=2", "foo@=1,bar=2"), ("@foo=1,bar=2", None),
        (f"{LETTERS}={VALUES}", f"{LETTERS}={VALUES}"),
        (f"{LETTERS}@a-z0-9_-*/=1", f"{LETTERS}@a-z0-9_-*/=1"), ("foo =1", None), ("FOO=1", None),
        ("foo.bar=1", None), ("foo", None), ("foo=", None), ("foo=bar=baz", None),
        ("foo=,bar=3", None), (f"{'z' * 256}=1", f"{'z' * 256}=1"), (f"{'z' * 257}=1", None),
        (f"t={'v' * 256}", f"t={'v' * 256}"), (f"t={'v' * 257}", None), ("foo=é", None),
        ("ot=th:8;rv:6e6d1a75832a2f,foo=1", "ot=th:8;rv:6e6d1a75832a2f,foo=1"),
        (",".join(f"k{n}=1" for n in range(32)), ",".join(f"k{n}=1" for n in range(32))),
        (",".join(f"k{n}=1" for n in range(33)), None), ("foo=1\r\nevil: 1", None),
    ],
)  # fmt: skip
def test_state_goes_on_unchanged_or_not_at_all(header, expected):
    told, state = goes_on(traceparent=PARENT, tracestate=header)
    assert f"{told.trace_id:032x}" == TRACE
    assert state == expected


def test_state_without_a_parent_means_nothing():
    assert goes_on(tracestate="foo=1,bar=2")[1] is None


@given(st.text())
def test_any_state_is_read_without_an_error_and_once_read_stays(header):
    found = accept(header)
    assert found is None or accept(found) == found


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers it got."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(503 if self.path == "/bad" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def echo():
    server = HTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def by_urllib(address):
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def by_http_client(address):
    connection = http.client.HTTPConnection(address.split("/")[2])
    connection.request("GET", "/")
    found = json.load(connection.getresponse())
    connection.close()
    return found


def by_httpx_async(address):
    async def ask():
        async with httpx.AsyncClient() as client:
            return (await client.get(address)).json()

    return asyncio.run(ask())


def by_urllib3(address):
    with urllib3.PoolManager() as pool:
        return pool.request("GET", address).json()


CLIENTS = {
    "urllib": by_urllib, "http.client": by_http_client, "urllib3": by_urllib3,
    "requests": lambda address: requests.get(address, timeout=9).json(),
    "httpx": lambda address: httpx.get(address).json(), "httpx async": by_httpx_async,
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_an_outgoing_call_is_a_span_that_the_other_side_names_as_its_parent(
    echo, recording, client
):
    hooks.install()
    hooks.install()
    with api.span("page") as page:
        page.tracestate = "ot=th:8"
        got = CLIENTS[client](echo)
    (call, _) = [event for event in recording if event[0] == 2]
    _, span, _, name, kind, attrs = call
    told = parse(got["traceparent"])
    assert (told.trace_id, told.span_id) == (page.trace_id, span.span_id)
    assert got["tracestate"] == "ot=th:8"
    assert (span.parent_id, name, kind) == (page.span_id, "GET", 3)
    assert (attrs["server.address"], attrs["http.response.status_code"]) == ("127.0.0.1", 200)


@pytest.mark.parametrize("client", ["urllib3", "httpx"])
def test_outside_a_span_and_where_it_is_said_not_to_nothing_is_added(echo, recording, client):
    hooks.install()
    assert "traceparent" not in CLIENTS[client](echo)
    with api.suppressed():
        assert "traceparent" not in CLIENTS[client](echo)
    assert recording == []


def test_a_call_that_names_its_parent_itself_is_left_as_it_is(echo):
    hooks.install()
    with api.span("page"):
        for ask in (requests.get, httpx.get):
            assert ask(echo, headers={"TraceParent": PARENT}).json()["traceparent"] == PARENT


def test_calls_that_fail_are_failed_spans_and_raise_as_before(echo, recording):
    hooks.install()
    with api.span("page"):
        requests.get(f"{echo}bad", timeout=9)
        with pytest.raises(requests.ConnectionError):
            requests.get("http://127.0.0.1:1/", timeout=9)
        with pytest.raises(httpx.ConnectError):
            httpx.get("http://127.0.0.1:1/")
    errors = [event[1].error for event in recording[:-1]]
    assert errors == ["503", "NewConnectionError", "ConnectError"]


def test_a_pool_works_in_the_span_of_who_handed_over_and_forgets_it():
    threads.install()
    threads.install()
    with ThreadPoolExecutor(1) as pool:
        token = request_id.bind("request-12345")
        with api.span("page") as page:
            inside = pool.submit(lambda: (active(), request_id.current())).result()
        request_id.release(token)
        assert pool.submit(lambda: (active(), request_id.current())).result() == (None, None)
        with api.suppressed():
            hidden = pool.submit(current.get).result()
    assert inside == (page, "request-12345")
    assert not hasattr(hidden, "span_id")


def test_a_loops_default_pool_and_its_tasks_stay_in_the_span():
    threads.install()

    async def walk():
        loop = asyncio.get_running_loop()
        with api.span("page") as page:
            in_pool = await loop.run_in_executor(None, active)
            in_thread = await asyncio.to_thread(active)
            in_task = await asyncio.create_task(_active())
        return page, {in_pool, in_thread, in_task}

    page, found = asyncio.run(walk())
    assert found == {page}


async def _active():
    await asyncio.sleep(0)
    return active()


def test_a_thread_started_by_hand_may_carry_the_span():
    seen = []
    with api.span("page") as page:
        thread = threading.Thread(target=api.carried(lambda: seen.append(active())))
        thread.start()
        thread.join()
    assert seen == [page]


def test_a_message_is_a_span_and_its_state_goes_along(recording):
    headers = {}
    with api.span("page") as page:
        page.tracestate = "ot=rv:abcdef01234567"
        tasks.on_publish(headers=headers)
        tasks.on_published(sender="shop.mail", routing_key="mails")
    _, sending, _, name, kind, attrs = recording[0]
    assert (sending.parent_id, name, kind) == (page.span_id, "send shop.mail", 4)
    assert attrs["messaging.destination.name"] == "mails"
    assert parse(headers["traceparent"]).span_id == sending.span_id
    assert headers["tracestate"] == "ot=rv:abcdef01234567"
    tasks.on_published(sender="shop.mail", routing_key="mails")
    assert len(recording) == 2
