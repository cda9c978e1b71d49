"""The monitoring API: who may ask, what is refused, and exact figures."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.monitoring.api.conftest import NOW, START

PATHS = (
    "/admin/monitoring/metrics",
    "/admin/monitoring/metrics/names",
    "/admin/monitoring/components",
)
# Their own tests say who is let in.
EVIDENCE = (
    "/admin/logs/search",
    "/admin/logs/lines/{line_id}",
    "/admin/performance/traces",
    "/admin/performance/traces/{trace_id}",
    "/admin/monitoring/components/{key}/history",
    "/admin/monitoring/metrics/labels",
    "/admin/monitoring/metrics/values",
    "/admin/monitoring/metrics/costs",
    "/admin/monitoring/metrics/drops",
    "/admin/monitoring/metrics/drops/{name}",
    "/admin/monitoring/objectives",
)
RANGE = {"from": START.isoformat(), "to": NOW.isoformat()}
URL = PATHS[0]


@pytest.mark.parametrize("path", PATHS)
def test_only_readers_are_let_in(path, key, staff_client, db):
    assert Client().get(path).status_code == 401
    assert Client(headers={"Authorization": "Bearer wrong"}).get(path).status_code == 401
    assert key("ingest").get(path).status_code == 403
    assert key("operate").get(path).status_code == 403
    assert key("read").get(path).status_code == 200
    assert staff_client.get(path).status_code == 200
    user = User.objects.create_user("visitor", password="x")
    visitor = Client()
    visitor.force_login(user)
    assert visitor.get(path).status_code == 403
    user.is_staff = True
    user.save()
    assert visitor.get(path).status_code == 403
    for codename in ("view_metric", "view_collectorstate"):
        user.user_permissions.add(Permission.objects.get(codename=codename))
    assert visitor.get(path).status_code == 200
    assert key("read").post(path).status_code == 405


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"names": "no.such.metric"}, "no.such.metric"),
        ({"names": "a\0b"}, ""),
        ({"names": ",".join(f"m{n}" for n in range(11))}, "10"),
        ({"from": "yesterday"}, "now-6h"),
        ({"from": "now", "to": "now-1h"}, "before"),
        ({"to": "x" * 65}, ""),
        ({"step": "0"}, "seconds"),
        ({"step": "-5"}, "seconds"),
        ({"step": "5 parsecs"}, "seconds"),
        ({"step": "999999999"}, ""),
        ({"labels": "no colon"}, "name:value"),
        ({"labels": ["a:1", "a:2"]}, "twice"),
        ({"labels": [f"l{n}:x" for n in range(11)]}, ""),
        ({"aggregation": "mode"}, "aggregation"),
        ({"names": "system.cpu.utilization", "aggregation": "p95"}, "gauge"),
        ({"names": "system.cpu.utilization", "by": ",".join(f"b{n}" for n in range(11))}, "10"),
    ],
)
def test_nonsense_is_answered_with_the_mend(load, reader, query, word):
    answer = reader.get(URL, query)
    assert answer.status_code == 400, answer.content
    body = answer.json()
    assert body["error"] == "invalid_input"
    assert body["request_id"]
    assert word in str(body)


def test_a_gauge_has_its_mean_in_every_step_and_null_where_nothing_is_known(load, reader):
    query = {"names": "system.cpu.utilization", "labels": "service.name:pharos", "step": "1m"}
    earlier = (START - timedelta(minutes=10)).isoformat()
    answer = reader.get(URL, {**query, **RANGE, "from": earlier}).json()
    (line,) = answer["series"]
    assert line["name"] == "system.cpu.utilization"
    assert line["unit"] == "1"
    values = [value for _, value in line["points"]]
    assert values[-10:] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4] * 2)
    assert values[0] is None


def test_the_rate_of_a_counter_that_starts_anew_is_never_negative(load, reader):
    query = {"names": "test.bytes", "step": "60", "by": "direction", **RANGE}
    (line,) = reader.get(URL, query).json()["series"]
    assert line["unit"] == "By/s"
    assert line["labels"] == {"direction": "read"}
    known = [value for _, value in line["points"] if value is not None]
    assert min(known) >= 0
    assert max(known) == pytest.approx(100)


def test_labels_keep_series_apart(load, reader):
    query = {"names": "http.server.request.duration", "by": "http.route", **RANGE}
    answer = reader.get(URL, {**query, "aggregation": "count", "step": "10m"}).json()
    counted = {}
    for line in answer["series"]:
        counted[line["labels"]["http.route"]] = sum(v for _, v in line["points"] if v)
    assert counted == {"/fast": 90, "/slow": 10}


def test_the_summary_merges_histograms_and_never_averages_percentiles(load, reader):
    summary = reader.get(URL, {**RANGE, "labels": "service.name:pharos"}).json()["summary"]
    assert summary["avg_cpu"] == pytest.approx(0.2)
    assert summary["avg_memory"] == pytest.approx(0.25)
    assert summary["samples"] == 100
    assert summary["p50_ms"] == pytest.approx(1000 / 32, rel=0.025)
    assert summary["p95_ms"] == pytest.approx(1000, rel=0.025)
    assert summary["p99_ms"] == pytest.approx(1000, rel=0.025)


def test_an_empty_period_is_a_defined_answer(load, reader):
    answer = reader.get(URL, {"from": "now-3d", "to": "now-2d", "names": "test.bytes"})
    assert answer.status_code == 200
    summary = answer.json()["summary"]
    assert summary.pop("samples") == 0
    assert summary.pop("routes") == []
    assert set(summary.values()) == {None}
    assert all(v is None for line in answer.json()["series"] for _, v in line["points"])


def test_a_scope_that_matches_nothing_is_empty_and_not_zero(load, reader):
    query = {"names": "system.cpu.utilization", "labels": "service.name:nobody", **RANGE}
    answer = reader.get(URL, query).json()
    assert answer["series"] == []
    assert answer["summary"]["avg_cpu"] is None


def test_names_given_twice_or_with_commas_are_the_same(load, reader):
    names = ["system.cpu.utilization", "system.memory.utilization"]
    once = reader.get(URL, {"names": ",".join(names), **RANGE}).json()["series"]
    twice = reader.get(URL, {"names": [*names, names[0]], **RANGE}).json()["series"]
    assert [line["name"] for line in once] == names
    assert once == twice


def test_the_number_of_points_is_bounded(load, reader, monkeypatch):
    from apps.monitoring.queries import charts

    monkeypatch.setattr(charts, "MOST_POINTS", 100)
    answer = reader.get(URL, {"names": "system.cpu.utilization", "step": "1"})
    assert answer.status_code == 400
    assert "longer step" in answer.json()["message"]


def test_a_chart_costs_a_fixed_number_of_queries(load, reader, django_assert_max_num_queries):
    query = {"names": "system.cpu.utilization,test.bytes", **RANGE}
    reader.get(URL, query)
    with django_assert_max_num_queries(4):
        assert reader.get(URL, query).status_code == 200


def test_the_catalogue_lists_names_units_and_kinds(load, reader):
    items = reader.get(PATHS[1], {"prefix": "system."}).json()["items"]
    assert [(i["name"], i["unit"], i["kind"], i["series"]) for i in items] == [
        ("system.cpu.utilization", "1", "gauge", 2),
        ("system.memory.utilization", "1", "gauge", 1),
    ]
    assert reader.get(PATHS[1], {"limit": "0"}).status_code == 400


@pytest.mark.filterwarnings("error")
def test_the_schema_describes_the_addresses_without_a_warning(capsys):
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    from apps.monitoring.api import urls

    GENERATOR_STATS.reset()
    schema = SchemaGenerator(patterns=urls.urlpatterns).get_schema(request=None, public=True)
    assert {*PATHS, *EVIDENCE} <= set(schema["paths"])
    assert len(schema["paths"]) == len(urls.urlpatterns)
    assert not GENERATOR_STATS
    parameters = {p["name"] for p in schema["paths"][URL]["get"]["parameters"]}
    assert parameters == {
        "names", "labels", "from", "to", "step", "aggregation", "by", "where", "points", "top",
    }  # fmt: skip


def test_a_ranked_answer_tells_the_others_and_how_figures_were_made(load, reader):
    answer = reader.get(
        "/admin/monitoring/metrics",
        {"names": "http.server.request.duration", "by": "http.route", "aggregation": "p95",
         "from": START.isoformat(), "to": NOW.isoformat(), "top": 1, "points": 10,
         "where": ["http.route!=/slow"]},
    ).json()  # fmt: skip
    (line,) = answer["series"]
    assert line["labels"] == {"http.route": "/fast"}
    assert (line["merged"], line["interpolated"]) == (1, False)
    assert line["whole"] == pytest.approx(1 / 32, rel=0.011)
    assert len(line["points"]) <= 12
    routes = answer["summary"]["routes"]
    assert [(r["route"], r["samples"]) for r in routes] == [("/fast", 90), ("/slow", 10)]
    assert routes[1]["p50_ms"] == pytest.approx(1000, rel=0.023)


@pytest.mark.parametrize(
    ("query", "field"),
    [({"where": "nonsense"}, "where"), ({"top": 0}, "top"), ({"points": 1}, "points"),
     ({"where": "a=~(["}, "where")],
)  # fmt: skip
def test_a_wrong_question_is_told(load, reader, query, field):
    answer = reader.get("/admin/monitoring/metrics", {"names": "system.cpu.utilization", **query})
    assert answer.status_code == 400
    assert field in answer.content.decode()


def test_labels_and_values_are_listed(load, reader):
    wish = {"name": "http.server.request.duration"}
    found = reader.get("/admin/monitoring/metrics/labels", wish).json()["items"]
    assert {"name": "http.route", "values": 2, "series": 2} in found
    wish |= {"label": "http.route", "part": "SLO"}
    found = reader.get("/admin/monitoring/metrics/values", wish).json()["items"]
    assert found == [{"value": "/slow", "series": 1}]
    names = reader.get("/admin/monitoring/metrics/names", {"search": "DURATION server"}).json()
    assert [row["name"] for row in names["items"]] == ["http.server.request.duration"]
