"""The real web server with a small body limit, and a client that holds an ingest key."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from django.db import connection

from apps.core.services import apikeys
from tests.conftest import RunningServer, processes, start_web

LIMIT_BYTES = 4 * 1024 * 1024
# Every test sends with a key of its own.
QUOTA_BYTES = 10 * 1024 * 1024
ORIGIN = "https://shop.example"


@dataclass
class Intake:
    """A sender: its server, and an HTTP client with its key."""

    server: RunningServer
    client: httpx.Client

    def send(self, path: str, message: object = b"", **headers: str) -> httpx.Response:
        """POST bytes or a message; protobuf unless a header says otherwise."""
        body = message if isinstance(message, bytes) else message.SerializeToString()
        fields = {"content-type": "application/x-protobuf"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, content=body, headers=fields)

    def send_json(self, path: str, document: object) -> httpx.Response:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.send(path, body, content_type="application/json; charset=utf-8")


@pytest.fixture(scope="package")
def package_process(django_db_setup, django_db_blocker, tmp_path_factory):
    """`portal_process` for all modules of the folder: starting a web is most of what they cost."""
    yield from processes(tmp_path_factory)


@pytest.fixture(scope="package")
def small_server(package_process) -> RunningServer:
    limits = {
        "PHAROS_INTAKE_BODY_BYTES": str(LIMIT_BYTES),
        "PHAROS_INTAKE_ORIGINS": ORIGIN,
        "PHAROS_INTAKE_MINUTE_BYTES": str(QUOTA_BYTES),
    }
    return start_web(package_process, **limits)


def awake(intake: Intake) -> None:
    """Wait for what a web starts on its first request: on a busy machine that takes seconds."""
    deadline = time.monotonic() + 60
    while intake.send("/v1/logs").status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def ingest_key(transactional_db) -> str:
    """An API key that may send telemetry."""
    return apikeys.create("sender", ["ingest"])[1]


@pytest.fixture
def intake(small_server, ingest_key) -> Iterator[Intake]:
    headers = {"authorization": f"Bearer {ingest_key}"}
    with httpx.Client(base_url=small_server.url, headers=headers, timeout=20) as client:
        intake = Intake(small_server, client)
        awake(intake)
        yield intake


@pytest.fixture
def rows(transactional_db):
    """`rows(sql)` reads what is committed, as dictionaries."""

    def read(sql: str, **parameters: object) -> list[dict]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return read
