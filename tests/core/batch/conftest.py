"""Batches run in threads of their own, with connections of their own."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.core.batch import runner
from apps.core.services import apikeys
from tests.core.batch import urls


@pytest.fixture(autouse=True)
def _batches(monkeypatch) -> Iterator[None]:
    # A thread that ends closes nothing: here each call does, so that the database can be dropped.
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    apikeys.forget()
    yield
    for gate in urls.gates.values():
        gate.set()
    runner.stop()
    urls.seen.clear()
    urls.gates.clear()
    urls.meeting.clear()


@pytest.fixture
def secret(transactional_db) -> str:
    """A key that may read and operate."""
    return apikeys.create("ci", ["read", "operate"], None, "premium")[1]


@pytest.fixture
def batch(secret) -> Callable[..., Any]:
    """`batch(*calls)` posts them with the key and gives the answer."""

    def post(*calls: Any, key: str | None = secret, client: Client | None = None, **extra: Any):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return (client or Client(raise_request_exception=False)).post(
            "/batch", json.dumps({"requests": list(calls)}), content_type="application/json",
            headers={**headers, **extra},
        )  # fmt: skip

    return post


def get(path: str, **more: Any) -> dict[str, Any]:
    """One reading call."""
    return {"method": "GET", "path": path, **more}


def items(reply: Any) -> list[dict[str, Any]]:
    """The results of a batch that was carried out."""
    assert reply.status_code == 200, reply.content
    return json.loads(reply.content)["items"]


def outcomes(reply: Any) -> list[int]:
    """Their statuses."""
    return [item["status"] for item in items(reply)]
