"""An export through the real web server: streamed by the bridge, whole, and bounded by rights."""

import csv
import io
import json
import urllib.error
import urllib.request

import pytest

from apps.core.services import apikeys
from apps.monitoring.models import Probe

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/admin/monitoring/components"


def fetch(server, path, **headers):
    request = urllib.request.Request(server.url + path, headers=headers)
    return urllib.request.urlopen(request, timeout=20)


@pytest.fixture
def bearer():
    _, secret = apikeys.create("export", ["read"])
    return {"Authorization": f"Bearer {secret}"}


def test_a_list_is_streamed_as_csv_and_ndjson(portal_server, bearer):
    for number in range(30):
        Probe.objects.create(name=f"=probe{number}", url="https://example.com/")
    with fetch(portal_server, f"{PATH}?format=csv", **bearer) as answer:
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["Content-Disposition"]
        assert answer.headers["Transfer-Encoding"] == "chunked"
        rows = list(csv.DictReader(io.StringIO(answer.read().decode(), newline="")))
    with fetch(portal_server, PATH, Accept="application/x-ndjson", **bearer) as answer:
        lines = [json.loads(line) for line in answer.read().splitlines()]
    assert {row["key"] for row in rows} == {line["key"] for line in lines}
    assert {f"probe:=probe{number}" for number in range(30)} <= {row["key"] for row in rows}
    assert all(row["name"].startswith("'=") for row in rows if row["key"].startswith("probe:"))


def test_nobody_gets_no_export_and_a_head_no_body(portal_server, bearer):
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(portal_server, f"{PATH}?format=csv")
    assert refused.value.code == 401
    with refused.value as answer:
        assert json.loads(answer.read())["error"] == "not_authenticated"
    request = urllib.request.Request(
        f"{portal_server.url}{PATH}?format=csv", method="HEAD", headers=bearer
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.read() == b""
