"""Which senders a process has follows from the rows, without a restart."""

import httpx
import pytest

from apps.core.audited import watched
from apps.core.errors import InvalidInputError
from apps.core.models import AuditEntry
from apps.core.outgoing import Answer
from apps.core.services import apikeys
from apps.monitoring.forward.switchboard import Switchboard
from apps.monitoring.intake import committed
from apps.monitoring.models import Destination
from apps.monitoring.services import destinations
from tests.conftest import start_web
from tests.monitoring.forward.conftest import bulk_answer, wait_until
from tests.monitoring.intake import messages as m
from tests.monitoring.intake.conftest import Intake
from tests.monitoring.store import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ingest_client():
    """`ingest_client(url)` is an HTTP client that may send telemetry there."""
    key = apikeys.create("sender", ["ingest"])[1]
    return lambda url: httpx.Client(
        base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=20
    )


@pytest.fixture
def board():
    made = Switchboard()
    yield made
    made.close(5)


def destination(url, name="there", kind="otlp", credentials="x-key: 1", **more) -> Destination:
    row = Destination(name=name, kind=kind, endpoint=url, enabled=True, **more)
    destinations.prepare(row, credentials)
    row.save()
    return row


def names(board) -> set[str]:
    return {sender.setup.name for sender in board._senders}


def test_a_destination_that_is_switched_on_gets_rows_and_one_switched_off_none(board, receiver):
    row = destination(receiver.url)
    board.look()
    board.offer([make.batch(logs=[make.log()])])
    receiver.wait_for(1)
    wait_until(lambda: board._senders[0].state.ok_at)
    board.look()
    row.refresh_from_db()
    assert row.last_ok_at
    Destination.objects.update(enabled=False)
    board.look()
    board.offer([make.batch(logs=[make.log()])])
    assert names(board) == set()
    assert len(receiver.received) == 1


def test_a_change_of_address_takes_effect_and_an_unchanged_one_keeps_its_queue(board, receiver):
    destination(receiver.url)
    moved = destination(receiver.url + "/a", "moved")
    board.look()
    kept = next(one for one in board._senders if one.setup.name == "there")
    moved.endpoint = receiver.url + "/b"
    moved.save()
    board.look()
    assert kept in board._senders
    board.offer([make.batch(logs=[make.log()])])
    assert {got.path for got in receiver.wait_for(2)} == {"/v1/logs", "/b/v1/logs"}


def test_what_another_portal_sent_on_is_not_sent_on_again(board, receiver):
    destination(receiver.url)
    board.look()
    foreign = make.batch(logs=[make.log("foreign")])
    foreign.forwarded = True
    board.offer([foreign, make.batch(logs=[make.log("own")])])
    board.close(5)
    (got,) = receiver.received
    assert b"own" in got.body
    assert b"foreign" not in got.body


def test_a_credential_that_cannot_be_opened_is_said_so_once_and_harms_no_other(
    board, receiver, settings
):
    broken = destination(receiver.url, "broken")
    settings.SECRET_KEY = "another key than the one it was sealed with, and long enough"
    destination(receiver.url, "whole")
    board.look()
    board.look()
    assert names(board) == {"whole"}
    broken.refresh_from_db()
    assert "SECRET_KEY" in broken.last_error


def test_a_failing_listener_harms_neither_the_intake_nor_its_neighbours(monkeypatch):
    told = []

    def failing(_batches):
        raise RuntimeError

    monkeypatch.setattr(committed, "_listeners", [failing, told.append])
    committed.tell([make.batch()])
    assert len(told) == 1


def test_credentials_are_sealed_masked_and_audited_without_their_text(receiver):
    row = destination(receiver.url, credentials="authorization: Bearer s3cr3t-token")
    assert "s3cr3t" not in repr(vars(row))
    assert Destination in watched()
    entry = AuditEntry.objects.filter(action="destination.create").get()
    assert "s3cr3t" not in str(vars(entry))


def test_trying_a_destination_out_says_what_came_back(receiver):
    row = destination(receiver.url)
    assert destinations.try_out(row) == ""
    receiver.script = [Answer(401, {}, b"")]
    assert destinations.try_out(row) == "It answered 401."
    row.refresh_from_db()
    assert destinations.gist(row) == "It answered 401."


def test_trying_elasticsearch_out_writes_one_document(receiver):
    receiver.always = bulk_answer()
    row = destination(receiver.url, kind="elasticsearch", credentials="me:secret")
    assert destinations.try_out(row) == ""
    (got,) = receiver.received
    assert got.path == "/_bulk"
    assert got.headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert got.headers["content-type"] == "application/x-ndjson"


def _form(url, **more):
    return {"name": "there", "kind": "otlp", "endpoint": url, "enabled": "on", "logs": "on", **more}


ADD = "/admin/monitoring/destination/add/"


def test_the_form_seals_what_is_typed_and_never_shows_it(admin_client, receiver):
    answer = admin_client.post(ADD, _form(receiver.url, new_credentials="x-key: s3cr3t"))
    assert answer.status_code == 302
    row = Destination.objects.get()
    assert row.credentials.reveal() == "x-key: s3cr3t"
    page = admin_client.get(f"/admin/monitoring/destination/{row.pk}/change/")
    assert "s3cr3t" not in page.content.decode()


def test_the_form_wants_the_credentials_again_for_another_address(admin_client, receiver):
    row = destination(receiver.url)
    url = f"/admin/monitoring/destination/{row.pk}/change/"
    answer = admin_client.post(url, _form("http://127.0.0.1:1"))
    assert "Enter the credentials again" in answer.content.decode()
    row.refresh_from_db()
    assert row.endpoint == receiver.url


def test_the_form_refuses_what_cannot_be_sent_to(admin_client):
    answer = admin_client.post(ADD, _form("http://h", new_credentials="no header"))
    assert "Write one header a line" in answer.content.decode()
    assert not Destination.objects.exists()
    with pytest.raises(InvalidInputError):
        destinations.prepare(Destination(kind="newrelic", endpoint="https://h"), "")


def test_the_action_sends_a_test_line_and_says_how_it_went(admin_client, receiver):
    row = destination(receiver.url)
    data = {"action": "try_out", "_selected_action": [row.pk]}
    answer = admin_client.post("/admin/monitoring/destination/", data, follow=True)
    assert "took a test line" in answer.content.decode()
    assert len(receiver.received) == 1


def test_the_list_of_destinations_asks_a_fixed_number_of_queries(
    admin_client, receiver, django_assert_max_num_queries
):
    for n in range(20):
        destination(f"{receiver.url}/{n}", f"d{n}")
    with django_assert_max_num_queries(12):
        admin_client.get("/admin/monitoring/destination/")


def test_a_real_portal_sends_on_what_it_acknowledged_and_survives_a_dead_receiver(
    portal_process, receiver, ingest_client
):
    destination(receiver.url, "live", metrics=False)
    destination("http://127.0.0.1:9", "dead")
    server = start_web(portal_process, PHAROS_FORWARD="1")
    with ingest_client(server.url) as client:
        intake = Intake(server, client)

        def arrived():
            assert intake.send("/v1/logs", m.logs(m.record("sent on"))).status_code == 200
            return any(b"sent on" in got.body for got in receiver.received)

        wait_until(arrived)
    assert not any(got.path == "/v1/metrics" for got in receiver.received)
