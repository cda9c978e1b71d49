"""Remote write over HTTP: what each request must be answered, and what is stored."""

import time

import cramjam
import httpx
import pytest

from apps.core.services import apikeys
from tests.monitoring.prometheus import make

PATH = "/api/v1/write"
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
pytestmark = pytest.mark.django_db(transaction=True)


def post(client, body, **changes):
    headers = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    return client.post(PATH, content=body, headers=headers)


def test_a_request_is_stored_once_however_often_it_comes(sender, stored):
    now = time.time_ns() // 1_000_000
    body = make.packed(
        make.request(
            make.series((now, 1.0), (now - 60_000, 2.0), name="rw_total", job="shop"),
            make.series((now, 3.0), name="rw_total", job="shop", kind="x"),
        )
    )
    answers = [post(sender, body) for _ in range(2)]
    assert [a.status_code for a in answers] == [204, 204]
    assert stored("rw_total") == [2.0, 1.0, 3.0]

    second = make.packed(
        make.request2(({"__name__": "rw2_total"}, {"samples": [make.sample(now, 5.0)]}))
    )
    answer = post(sender, second, content_type=V2)
    assert answer.status_code == 204
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "1"
    assert answer.headers["x-prometheus-remote-write-histograms-written"] == "0"
    assert stored("rw2_total") == [5.0]

    # Out of the store's window: the valid rest is kept, and the sender must not come again.
    mixed = make.request(
        make.series((1_000, 1.0), name="rw_mixed"), make.series((now, 7.0), name="rw_mixed"),
        make.series((now, 1.0), name="bad name"),
    )  # fmt: skip
    answer = post(sender, make.packed(mixed))
    assert answer.status_code == 400
    assert "metric name" in answer.text
    assert "time is outside" in answer.text
    assert stored("rw_mixed") == [7.0]

    said = sender.get(PATH)
    assert (said.status_code, said.headers["allow"]) == (405, "POST")
    assert sender.post(f"{PATH}/more").status_code == 404


def test_what_a_retry_cannot_mend_is_a_4xx(sender, receiver):
    good = make.packed(make.request())
    bomb = bytes(cramjam.snappy.compress_raw(b"\0" * (8 << 20)))
    # A head that claims four gigabytes, with nothing behind it.
    liar = b"\xff\xff\xff\xff\x0f" + b"\0" * 10
    cases = [
        (good, {}, 204),
        (b"", {}, 400),
        (b"no snappy at all", {}, 400),
        (good[:-1] if len(good) > 1 else b"\x05", {}, 400),
        (make.packed(b"\xff\xff"), {}, 400),
        (make.packed(b"\xff\xff"), {"content_type": V2}, 400),
        (bomb, {}, 413),
        (liar, {}, 413),
        (b"x" * ((2 << 20) + 1), {}, 413),
        (good, {"content_encoding": "gzip"}, 415),
        (good, {"content_type": "application/json"}, 415),
        (good, {"content_type": "application/x-protobuf;proto=io.prometheus.v9"}, 415),
        (good, {"authorization": "Bearer wrong"}, 401),
    ]
    for body, headers, status in cases:
        answer = post(sender, body, **headers)
        assert answer.status_code == status, (body[:20], headers, answer.text)
        assert status == 204 or answer.text
    reader = apikeys.create("reader", ["read"])[1]
    with httpx.Client(base_url=receiver.url) as stranger:
        assert post(stranger, good).status_code == 401
        assert post(stranger, good, authorization=f"Bearer {reader}").status_code == 403


def test_a_key_that_used_up_its_minute_has_to_wait_whichever_way_it_sends(sender):
    now = time.time_ns() // 1_000_000
    points = [(now - n, float(n)) for n in range(20_000)]
    body = make.packed(make.request(make.series(*points, name="rw_many", job="shop")))
    assert post(sender, body).status_code == 204
    for answer in (post(sender, body), sender.post("/v1/logs", content=b"")):
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
