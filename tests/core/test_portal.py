"""The whole portal behind one port."""

import asyncio

import httpx
import pytest
import websockets

from apps.core.services import apikeys

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(portal_server):
    with httpx.Client(base_url=portal_server.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    ["/", "/health", "/health/ready", "/health/detailed", "/health/nothing", "/api/schema",
     "/api/nothing", "/static/nothing.css", "/admin/", "/admin/login/", "/metrics", "/v1/traces",
     "/v1/nothing", "/nothing"],
)  # fmt: skip
def test_every_answer_carries_exactly_one_request_id(client, path):
    reply = client.get(path, headers={"X-Request-ID": "followed-1234"})
    assert reply.headers.get_list("x-request-id") == ["followed-1234"]
    assert reply.status_code < 500


def test_health_is_free_for_all_and_details_are_not(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert set(client.get("/health/detailed").json()) == {"status"}
    wrong = client.get("/health/detailed", headers={"Authorization": "Bearer nonsense"})
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, "Bearer")
    assert client.post("/health").status_code == 405
    _, secret = apikeys.create("reader", ["read"])
    full = client.get("/health/detailed", headers={"Authorization": f"Bearer {secret}"}).json()
    assert full["web"] == {"threads": 8, "pending": 0}
    assert next(i for i in full["items"] if i["name"] == "postgresql")["status"] == "ok"


def test_a_signed_in_member_of_staff_sees_the_details(client, staff_client):
    cookie = staff_client.cookies["sessionid"].value
    reply = client.get("/health/dependencies", headers={"Cookie": f"sessionid={cookie}"})
    assert "items" in reply.json()


def test_an_unknown_socket_is_closed_and_a_foreign_origin_refused(portal_server):
    async def connect(path, origin):
        async with websockets.connect(f"{portal_server.websocket_url}{path}", origin=origin):
            pass

    for path, origin in (("/ws/nothing", portal_server.url), ("/ws/live", "http://evil.example")):
        with pytest.raises(websockets.InvalidStatus) as caught:
            asyncio.run(connect(path, origin))
        assert caught.value.response.status_code == 403
