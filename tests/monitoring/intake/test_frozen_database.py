"""A database that neither answers nor closes its connections, as a frozen host does."""

import asyncio
import threading

from apps.core.services import apikeys
from apps.monitoring.intake import http, limits


async def answer() -> list[dict]:
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"authorization", b"Bearer any"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/logs", "headers": headers}
    await http.application(scope, receive, send)
    return sent


def test_senders_are_asked_to_wait_when_keys_cannot_be_checked(monkeypatch):
    thawed = threading.Event()
    monkeypatch.setattr(limits, "COMMIT_TIMEOUT_S", 0.2)
    asked: list[str] = []

    def verify(key: str) -> None:
        asked.append(key)
        assert thawed.wait(60)

    monkeypatch.setattr(apikeys, "verify", verify)

    async def many() -> list[list[dict]]:
        return await asyncio.gather(*(answer() for _ in range(20)))

    try:
        for start, body in asyncio.run(many()):
            assert start["status"] == 503
            assert b"retry-after" in dict(start["headers"])
            assert b"cannot be checked" in body["body"]
    finally:
        thawed.set()

    (start, _) = asyncio.run(answer())
    assert start["status"] == 401
    # Nobody is left to hear what was still in line, so it is not asked.
    assert len(asked) <= 3
