"""A destination's thread against a receiver that answers, refuses, hangs and hangs up."""

from collections.abc import Callable, Iterator

import pytest

from apps.core.errors import InvalidInputError
from apps.core.outgoing import Answer, Line, UnreachableError
from apps.monitoring.forward import switchboard as _switchboard  # noqa: F401
from apps.monitoring.forward.base import LOGS, METRICS, SIGNALS, TRACES, Kind
from apps.monitoring.forward.queue import Queue
from apps.monitoring.forward.sender import Sender, Setup
from apps.monitoring.intake import wire
from tests.conftest import free_port
from tests.monitoring.forward.conftest import Received, wait_until
from tests.monitoring.intake.decoding import LOGS as LOGS_IN
from tests.monitoring.store import make

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def sender(receiver) -> Iterator[Callable[..., Sender]]:
    made: list[Sender] = []

    def make_sender(kind="otlp", url="", credentials="x-key: 1", signals=SIGNALS) -> Sender:
        setup = Setup(1, "there", kind, url or receiver.url, "", tuple(signals))
        made.append(Sender(setup, credentials, pause_s=0.01))
        made[-1].start()
        return made[-1]

    yield make_sender
    for one in made:
        one.stop()


def lines(got: Received) -> list[str]:
    return [row.body for row in LOGS_IN.decode(got.body, is_json=False).batch.logs]


def test_rows_arrive_at_the_path_of_their_signal_with_the_headers_of_the_account(sender, receiver):
    of = make.series("m")
    sender().offer(
        [make.batch(spans=[make.span()], logs=[make.log()], samples=make.samples(of, [1]))]
    )
    got = receiver.wait_for(3)
    assert {one.path for one in got} == {"/v1/traces", "/v1/logs", "/v1/metrics"}
    assert all(one.headers["x-key"] == "1" for one in got)
    assert all(one.headers["pharos-forwarded"] == "1" for one in got)


def test_what_comes_together_travels_together_compressed(sender, receiver):
    to = sender()
    to.offer([make.batch(logs=[make.log("x" * 2000)]), make.batch(logs=[make.log("two")])])
    (got,) = receiver.wait_for(1)
    assert got.headers["content-encoding"] == "gzip"
    assert lines(got)[1] == "two"


def test_a_signal_that_is_off_is_not_sent(sender, receiver):
    to = sender(signals=[LOGS])
    to.offer([make.batch(spans=[make.span()])])
    to.offer([make.batch(spans=[make.span()], logs=[make.log("one")])])
    (got,) = receiver.wait_for(1)
    assert lines(got) == ["one"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_is_turned_away_for_now_is_sent_again(sender, receiver, status):
    receiver.script = [Answer(status, {"Retry-After": "0"}, b""), "reset", Answer(200, {}, b"")]
    to = sender()
    to.offer([make.batch(logs=[make.log("one")])])
    assert [lines(got) for got in receiver.wait_for(3)] == [["one"]] * 3
    wait_until(lambda: to.state.ok_at)
    assert to.state.error


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 500, 302])
def test_what_is_refused_for_good_is_not_sent_again(sender, receiver, status):
    receiver.script = [Answer(status, {"Location": "/elsewhere"}, b"")]
    to = sender()
    to.offer([make.batch(logs=[make.log("one")])])
    receiver.wait_for(1)
    wait_until(lambda: to.state.error_at)
    assert str(status) in to.state.error
    to.offer([make.batch(logs=[make.log("two")])])
    assert [lines(got) for got in receiver.wait_for(2)] == [["one"], ["two"]]


def test_a_partial_success_is_told_with_its_count(sender, receiver):
    answer = wire.LogsResponse()
    answer.partial_success.rejected_log_records = 1
    receiver.script = [Answer(200, PROTOBUF, answer.SerializeToString())]
    to = sender()
    to.offer([make.batch(logs=[make.log("one"), make.log("two")])])
    wait_until(lambda: to.state.error_at and to.state.ok_at)
    assert to.state.error == "It refused 1 of 2 items."


def test_a_success_nobody_can_read_is_a_success(sender, receiver):
    receiver.script = [Answer(200, PROTOBUF, b"\xff\xff")]
    to = sender()
    to.offer([make.batch(logs=[make.log()])])
    wait_until(lambda: to.state.ok_at)
    assert not to.state.error


def test_a_receiver_that_is_not_there_costs_only_the_oldest_rows():
    dropped: list[int] = []
    queue = Queue(dropped.append, rows=10)
    for n in range(25):
        queue.put(make.batch(logs=[make.log(str(n))]), 1)
    assert sum(dropped) == 15
    assert [row.body for batch in queue.take(0) for row in batch.logs] == [
        str(n) for n in range(15, 25)
    ]


def test_a_batch_larger_than_the_queue_is_taken_alone():
    dropped: list[int] = []
    queue = Queue(dropped.append, rows=10)
    queue.put(make.batch(logs=[make.log() for _ in range(50)]), 50)
    assert (queue.rows, dropped) == (50, [])
    queue.put(make.batch(logs=[make.log("new")]), 1)
    assert (queue.rows, dropped) == (1, [50])


def test_offering_waits_for_nobody_while_the_receiver_hangs(sender, receiver):
    receiver.always = "hang"
    to = sender()
    to.offer([make.batch(logs=[make.log("one")])])
    receiver.wait_for(1)
    for n in range(100):
        to.offer([make.batch(logs=[make.log(str(n))])])
    assert to.queue.rows == 100


def test_a_receiver_that_hangs_is_cut_off(receiver):
    receiver.script = ["hang"]
    line = Line(receiver.url, whole_s=0.2)
    setup = Setup(1, "there", "otlp", receiver.url, "", (LOGS,))
    to = Sender(setup, "")
    to._line = line
    (parcel,) = Kind.registry["otlp"].parcels([make.batch(logs=[make.log()])], [LOGS])
    verdict = to.post(parcel)
    assert verdict.again == parcel
    assert "broke off" in verdict.reason


def test_nothing_is_sent_to_the_metadata_service_of_a_cloud():
    with pytest.raises(UnreachableError, match="link-local"):
        Line("http://169.254.169.254/").post("/x", b"", {})


def test_nobody_listening_is_said_so():
    with pytest.raises(UnreachableError, match="cannot be reached"):
        Line(f"http://127.0.0.1:{free_port()}").post("/x", b"", {})


def test_an_idle_connection_that_was_closed_is_opened_again(receiver):
    with Line(receiver.url) as line:
        assert line.post("/a", b"1", {}).status == 200
        line._connection.sock.close()
        line._connection.sock = None
        with pytest.raises(Exception, match="broke off"):
            line.post("/a", b"2", {})
        assert line.post("/a", b"3", {}).status == 200


def test_vendors_get_the_headers_they_ask_for():
    assert Kind.registry["newrelic"].headers(" key ") == {"api-key": "key"}
    assert Kind.registry["datadog"].headers("key") == {"dd-protocol": "otlp", "dd-api-key": "key"}
    for kind in ("newrelic", "datadog"):
        with pytest.raises(InvalidInputError):
            Kind.registry[kind].headers(" ")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ftp://h",
        "http://",
        "http://u:p@h",
        "http://h/?a",
        "http://h/#a",
        "http://h /",
        "http://h:x",
    ],
)
def test_an_address_that_cannot_be_one_is_refused(address):
    with pytest.raises(InvalidInputError):
        Kind.registry["otlp"].check(address, "")


@pytest.mark.parametrize("line", ["a", "a b: c", ": c", "a: b\x7f", "é: c"])
def test_a_header_line_that_is_none_is_refused(line):
    with pytest.raises(InvalidInputError):
        Kind.registry["otlp"].headers(line)


def test_only_the_signals_a_kind_takes_count():
    from apps.monitoring.forward.sender import wanted

    batch = make.batch(spans=[make.span()], logs=[make.log(), make.log()])
    assert wanted(batch, [TRACES]) == 1
    assert wanted(batch, [LOGS, METRICS]) == 2
