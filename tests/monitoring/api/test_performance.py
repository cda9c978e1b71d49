"""The ranking of operations, one over time, and against earlier."""

from datetime import timedelta

import pytest

from apps.monitoring.store import rollups
from apps.monitoring.store.rows import Batch, Resource
from apps.monitoring.store.writer import Writer
from tests.monitoring.api.conftest import NOW
from tests.monitoring.store import make
from tests.rights import PermissionMatrix

RANKING = "/admin/performance/metrics"


class TestWhoMayReadTheRanking(PermissionMatrix):
    path, permissions = RANKING, ["monitoring.view_span"]


class TestWhoMayReadPoints(PermissionMatrix):
    path, permissions = f"{RANKING}/over-time", ["monitoring.view_span"]


RANGE = {"from": (NOW - timedelta(hours=2)).isoformat(), "to": NOW.isoformat()}


@pytest.fixture
def traffic(store):
    """Of each of four operations so many spans, so long each."""
    begin = int((NOW - timedelta(hours=1)).timestamp() * 1e9)
    told = {"GET /often": (200, 10), "GET /slow": (20, 800), "GET /": (10, 10), "POST /": (10, 10)}
    resource = Resource({"service.name": "shop"})
    spans = [
        make.span(
            name, resource, begin + i * 10**9, end_ns=begin + i * 10**9 + ms * 10**6,
            attrs={"http.response.status_code": 500 if i == 0 else 200},
        )
        for name, (n, ms) in told.items()
        for i in range(n)
    ]  # fmt: skip
    writer = Writer()
    writer.write([Batch(spans=spans)])
    writer.close()
    rollups.roll_up(budget_s=60)


def names(answer):
    return [row["name"] for row in answer.json()["items"]]


def test_operations_are_ranked_by_time_p95_and_rate(reader, traffic):
    by_time = reader.get(RANKING, RANGE)
    assert names(by_time) == ["GET /slow", "GET /often", "GET /", "POST /"]
    first = by_time.json()["items"][0]
    assert (first["n"], first["errors"], first["classes"]) == (20, 1, {"2xx": 19, "5xx": 1})
    assert first["p95_ms"] == pytest.approx(800, rel=0.011)
    assert first["total_ms"] == pytest.approx(16_000)
    assert first["share"] == pytest.approx(16 / 18.2)
    assert first["per_s"] == pytest.approx(20 / 7200)
    assert [row["slow"] for row in by_time.json()["items"]] == [True, False, False, False]
    assert names(reader.get(RANKING, {**RANGE, "order": "rate"}))[0] == "GET /often"
    assert names(reader.get(RANKING, {**RANGE, "order": "p95", "text": "SLOW"})) == ["GET /slow"]
    assert names(reader.get(RANKING, {**RANGE, "service": "other"})) == []
    assert names(reader.get(RANKING, {**RANGE, "kind": "consumer"})) == []


def test_pages_go_on_after_equal_figures_and_keep_their_range(reader, traffic):
    found, asked = [], {**RANGE, "from": "now-3h", "to": "now"}
    for _ in range(4):
        page = reader.get(RANKING, {**asked, "page_size": 1}).json()
        found += [(row["name"], page["start"], page["end"]) for row in page["items"]]
        asked["cursor"] = page["next_cursor"]
    assert page["next_cursor"] is None
    assert [name for name, *_ in found] == ["GET /slow", "GET /often", "GET /", "POST /"]
    assert len({ends for _, *ends in map(tuple, found) for ends in [tuple(ends)]}) == 1
    table = b"".join(reader.get(RANKING, {**RANGE, "format": "csv"}).streaming_content)
    assert table.count(b"\r\n") == 5


def test_one_operation_has_points_and_a_trend(reader, traffic):
    which = {**RANGE, "service": "shop", "name": "GET /often"}
    answer = reader.get(f"{RANKING}/over-time", {**which, "step": 600}).json()
    assert answer["step_s"] == 600
    assert sum(point["n"] for point in answer["points"]) == 200
    assert {point["p95_ms"] is None for point in answer["points"] if not point["n"]} == {True}
    (told,) = reader.get(f"{RANKING}/operation", which).json()["operations"]
    assert told["n"] == 200
    assert told["trend"] == {"regressed": False, "fails_more": False, "against": []}
    assert reader.get(f"{RANKING}/operation", {**which, "name": "no"}).status_code == 404
    assert reader.get(f"{RANKING}/operation", RANGE).status_code == 400
    assert reader.get(RANKING, {**RANGE, "service": "a\0b", "text": "%_\\"}).status_code in (
        200,
        400,
    )
