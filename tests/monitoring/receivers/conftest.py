"""One real web server for the receivers of this folder, and senders for each."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from apps.core.services import apikeys
from tests.conftest import RunningServer, start_web
from tests.monitoring.intake.conftest import rows

__all__ = ["rows"]


@pytest.fixture(scope="module")
def receiver(portal_process) -> RunningServer:
    """A web server with a small body limit, and a quota for each key of a test."""
    limits = {"PHAROS_INTAKE_BODY_BYTES": str(2 << 20), "PHAROS_INTAKE_MINUTE_ITEMS": "20000"}
    return start_web(portal_process, **limits)


@pytest.fixture
def sender(receiver, transactional_db) -> Iterator[httpx.Client]:
    """A client with an ingest key."""
    key = apikeys.create("sender", ["ingest"])[1]
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=receiver.url, headers=headers, timeout=20) as client:
        yield client


@pytest.fixture
def stored(rows) -> Callable[[str], list[float | None]]:
    """The values of one metric, oldest first."""

    def read(name: str) -> list[float | None]:
        found = rows(
            "SELECT value FROM tm_sample JOIN tm_series s ON s.id = series_id"
            " JOIN tm_metric m ON m.id = s.metric_id WHERE m.name = %(name)s ORDER BY ts, value",
            name=name,
        )
        return [row["value"] for row in found]

    return read
