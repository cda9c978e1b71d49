"""What the middleware makes of requests."""

import asyncio
import json

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path, re_path

from apps.core import request_id
from apps.monitoring.recorder.context import active

pytestmark = pytest.mark.django_db(transaction=True)


def plain(request, number=0):
    User.objects.filter(pk=number).exists()
    return HttpResponse(request_id.current())


async def plain_async(request, name):
    await asyncio.to_thread(lambda: None)
    await User.objects.filter(username=name).aexists()
    return HttpResponse(request_id.current())


def failing(request):
    raise LookupError("token=abc123 is gone")


def streaming(request):
    def body():
        yield b"one"
        User.objects.count()
        yield b"two"

    return StreamingHttpResponse(body())


def breaking(request):
    def body():
        yield b"one"
        raise OSError("no more")

    return StreamingHttpResponse(body())


async def streaming_async(request):
    async def body():
        yield b"one"
        await User.objects.acount()
        yield b"two"

    return StreamingHttpResponse(body())


inner = [path("things/<int:number>/", plain)]
urlpatterns = [
    path("api/", include(inner)),
    path("people/<slug:name>", plain_async),
    re_path(r"^old/(?P<number>\d+)(?:/page)?/$", plain),
    path("failing", failing),
    path("streaming", streaming),
    path("breaking", breaking),
    path("streaming-async", streaming_async),
]
MIDDLEWARE = ["apps.monitoring.recorder.middleware.RecorderMiddleware"]
here = override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=MIDDLEWARE)


@pytest.fixture(autouse=True)
def _only_the_recorder():
    with here:
        yield


def routes(attributes):
    """Route and status of every request counted, and how often."""
    found = {}
    for attrs, count in attributes("http.server.request.duration").items():
        told = dict(attrs)
        key = (told["http.request.method"], told["http.route"], told["http.response.status_code"])
        found[key] = found.get(key, 0) + count
    return found


def test_what_goes_in_comes_out_of_the_store(recorder, attributes, rows):
    client = Client()
    for number in range(40):
        client.get(f"/api/things/{number}/")
    assert recorder.flush()
    assert routes(attributes) == {("GET", "/api/things/{number}/", 200): 40}
    spans = rows(
        "SELECT n.value, s.kind, count(*) FROM tm_span s JOIN tm_name n ON n.id = s.name_id"
        " GROUP BY 1, 2 ORDER BY 2"
    )
    assert spans == [("GET /api/things/{number}/", 2, 40), ("SELECT auth_user", 3, 40)]
    orphans = rows(
        "SELECT count(*) FROM tm_span c WHERE kind = 3 AND NOT EXISTS (SELECT FROM tm_span p"
        " WHERE p.span_id = c.parent_id AND p.trace_id = c.trace_id)"
    )
    assert orphans == [(0,)]
    assert sum(attributes("db.client.operation.duration").values()) == 40


def test_a_route_is_a_template_and_never_a_path(recorder, attributes):
    client = Client()
    for address in ("/old/7/", "/old/8/page/", "/nowhere/1", "/nowhere/2", "/static/no.css"):
        client.get(address)
    client.generic("BREW", "/nowhere/3")
    recorder.flush()
    assert routes(attributes) == {
        ("GET", "/old/{number}/", 200): 2,
        ("GET", "unmatched", 404): 2,
        ("GET", "/static/{path}", 404): 1,
        ("_OTHER", "unmatched", 404): 1,
    }


def test_an_async_view_runs_without_a_hop_and_with_its_children(recorder, attributes, rows):
    headers = {"X-Request-ID": "from-the-client"}
    answer = async_to_sync(AsyncClient().get)("/people/ann", headers=headers)
    assert answer.content == b"from-the-client"
    assert answer["X-Request-ID"] == "from-the-client"
    assert recorder.flush()
    assert routes(attributes) == {("GET", "/people/{name}", 200): 1}
    kinds = rows("SELECT kind, parent_id IS NULL FROM tm_span ORDER BY 1")
    assert kinds == [(2, True), (3, False)]


def test_an_unhandled_exception_is_on_the_span_and_its_secret_is_not(recorder, attributes, rows):
    Client(raise_request_exception=False).get("/failing")
    recorder.flush()
    assert routes(attributes) == {("GET", "/failing", 500): 1}
    ((status, attrs, events),) = rows("SELECT status, attrs, events FROM tm_span")
    attrs, events = json.loads(attrs), json.loads(events)
    assert (status, attrs["error.type"]) == (2, "LookupError")
    assert events[0]["attrs"]["exception.message"] == "token=*** is gone"
    assert "failing" in events[0]["attrs"]["exception.stacktrace"]
    assert "abc123" not in str(events)


def test_a_streamed_body_is_measured_to_its_end(recorder, rows):
    answer = Client().get("/streaming")
    recorder.flush()
    assert rows("SELECT count(*) FROM tm_span") == [(0,)]
    assert b"".join(answer.streaming_content) == b"onetwo"
    answer.close()
    recorder.flush()
    assert rows("SELECT kind FROM tm_span ORDER BY 1") == [(2,), (3,)]


def test_a_client_that_leaves_early_is_counted_once_as_such(recorder, attributes):
    answer = Client().get("/streaming")
    next(iter(answer.streaming_content))
    answer.close()
    recorder.flush()
    assert routes(attributes) == {("GET", "/streaming", 499): 1}


def test_a_body_that_breaks_is_a_failure(recorder, attributes):
    answer = Client().get("/breaking")
    with pytest.raises(OSError, match="no more"):
        list(answer.streaming_content)
    answer.close()
    recorder.flush()
    assert routes(attributes) == {("GET", "/breaking", 500): 1}


def test_an_async_body_is_measured_to_its_end(recorder, attributes, rows):

    async def fetch():
        answer = await AsyncClient().get("/streaming-async")
        return [piece async for piece in answer.streaming_content]

    assert async_to_sync(fetch)() == [b"one", b"two"]
    recorder.flush()
    assert routes(attributes) == {("GET", "/streaming-async", 200): 1}
    kinds = rows("SELECT kind FROM tm_span ORDER BY 1")
    assert kinds == [(2,), (3,)]


@pytest.mark.parametrize("hostile", ["short", "x" * 129, "a b c d e f g", 'id"},{"evil":1}'])
def test_a_strange_request_id_is_replaced(recorder, hostile):
    answer = Client().get("/api/things/1/", headers={"X-Request-ID": hostile})
    assert answer["X-Request-ID"] != hostile
    assert answer.content.decode() == answer["X-Request-ID"]
    assert request_id.current() is None
    assert active() is None


def test_a_caller_with_a_trace_becomes_the_parent(recorder, rows):
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    Client().get("/api/things/1/", headers={"traceparent": f"00-{trace}-{parent}-01"})
    recorder.flush()
    found = rows("SELECT trace_id, parent_id FROM tm_span WHERE kind = 2")
    assert [(row[0].hex, row[1] % 2**64) for row in found] == [(trace, int(parent, 16))]


def test_an_unsampled_trace_leaves_figures_and_no_spans(recorder, rows, attributes):
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    Client().get("/api/things/1/", headers={"traceparent": header})
    recorder.flush()
    assert rows("SELECT count(*) FROM tm_span") == [(0,)]
    assert sum(attributes("http.server.request.duration").values()) == 1
    assert sum(attributes("db.client.operation.duration").values()) == 1


@override_settings(PHAROS_RECORDER=False)
def test_switched_off_it_still_gives_every_answer_an_id(recorder, rows):
    answer = Client().get("/api/things/1/")
    recorder.flush()
    assert len(answer["X-Request-ID"]) == 32
    assert rows("SELECT count(*) FROM tm_span WHERE kind = 2") == [(0,)]
