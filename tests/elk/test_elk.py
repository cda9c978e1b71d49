"""The files for the Elastic stack fit what Pharos sends and what its log lines hold."""

import json
import logging
from datetime import UTC, datetime
from fnmatch import fnmatch
from functools import cache
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.conf import settings

from apps.monitoring.forward.base import LOGS, TRACES, Kind
from apps.monitoring.forward.elastic import STREAMS
from apps.monitoring.store.rows import Batch, Resource
from tests.conftest import PROJECT
from tests.elk import logstash
from tests.monitoring.store import make

ELK = PROJECT / "elk_config"
OBJECTS = [json.loads(line) for line in (ELK / "kibana/objects.ndjson").read_text().splitlines()]
# Types of Elasticsearch, and what of JSON each takes.
TAKEN = {
    "keyword": str, "match_only_text": str, "long": int, "date_nanos": str, "flattened": dict,
}  # fmt: skip


@cache
def template(name: str) -> dict[str, Any]:
    return json.loads((ELK / f"elasticsearch/{name}.json").read_text())


def mapping() -> dict[str, Any]:
    return template("component-template")["template"]["mappings"]


def fields(properties: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Each field's type by its dotted name."""
    found = {}
    for name, of in properties.items():
        if "properties" in of:
            found |= fields(of["properties"], f"{prefix}{name}.")
        else:
            found[prefix + name] = of["type"]
    return found


def check(document: dict[str, Any], prefix: str = "") -> set[str]:
    """Assert that each value is one its field takes; the names that were met."""
    known, met = fields(mapping()["properties"]), set()
    for name, value in document.items():
        full = prefix + name
        if full in known:
            assert isinstance(value, TAKEN[known[full]]), full
            met.add(full)
        else:
            assert isinstance(value, dict), f"{full} is in no template"
            met |= check(value, f"{full}.")
    return met


def shipped() -> list[tuple[str, dict[str, Any]]]:
    resource = Resource({"service.name": "shop", "deployment.environment.name": "prod"})
    batch = Batch(
        spans=[make.span(resource=resource, parent_id=b"p" * 8, attrs={"a": [1, {"b": None}]})],
        logs=[
            make.log(
                "x", resource, trace_id=b"t" * 16, span_id=b"s" * 8, attrs={"request_id": "r"}
            ),
            make.log("no context", severity=0),
        ],
    )
    found = []
    for parcel in Kind.registry["elasticsearch"].parcels([batch], [TRACES, LOGS]):
        lines = [json.loads(line) for line in parcel.body.splitlines()]
        found += zip((one["create"]["_index"] for one in lines[::2]), lines[1::2], strict=True)
    return found


def test_every_field_that_is_sent_is_mapped_with_a_type_that_takes_it():
    met = set().union(*(check(document) for _, document in shipped()))
    sent_by_logstash_only = {"log.logger"}
    assert met | sent_by_logstash_only == set(fields(mapping()["properties"]))


def test_ever_new_attributes_cannot_make_the_mapping_grow():
    assert mapping()["dynamic"] is False
    types = fields(mapping()["properties"])
    assert types["attributes"] == types["resource.attributes"] == "flattened"


@pytest.mark.parametrize("signal", [LOGS, TRACES])
def test_each_stream_has_a_template_made_of_the_fields_and_the_policy(signal):
    of = template(f"{signal}-template")
    assert any(fnmatch(STREAMS[signal], pattern) for pattern in of["index_patterns"])
    assert of["composed_of"] == ["pharos-fields"]
    assert of["data_stream"] == {}
    # Elasticsearch's own templates for logs-*-* have 100; equal priorities are refused.
    assert of["priority"] > 100
    assert of["template"]["settings"]["index"]["lifecycle"]["name"] == "pharos"


def test_the_policy_moves_and_deletes_at_days_that_rise():
    phases = template("ilm-policy")["policy"]["phases"]
    ages = [phases[name]["min_age"] for name in ("hot", "warm", "delete")]
    assert ages == ["0ms", "30d", "90d"]
    assert set(phases["delete"]["actions"]) == {"delete"}


def test_the_objects_of_kibana_refer_to_each_other_and_to_mapped_fields():
    ids = {(one["type"], one["id"]) for one in OBJECTS}
    assert len(ids) == len(OBJECTS)
    known = {**fields(mapping()["properties"])}
    for one in OBJECTS:
        for reference in one["references"]:
            assert (reference["type"], reference["id"]) in ids
        columns = one["attributes"].get("columns", [])
        assert set(columns) <= set(known)
        assert {name for name, _ in one["attributes"].get("sort", [])} <= set(known)


def test_every_json_inside_the_objects_can_be_read_and_names_its_references():
    for one in OBJECTS:
        names = {reference["name"] for reference in one["references"]}
        search = one["attributes"].get("kibanaSavedObjectMeta", {}).get("searchSourceJSON")
        if search and "indexRefName" in json.loads(search):
            assert json.loads(search)["indexRefName"] in names
        for key in ("visState", "panelsJSON", "optionsJSON", "uiStateJSON"):
            if key in one["attributes"]:
                json.loads(one["attributes"][key])
        for panel in json.loads(one["attributes"].get("panelsJSON", "[]")):
            assert f"{panel['panelIndex']}:{panel['panelRefName']}" in names


def test_the_views_of_kibana_are_over_the_streams_that_are_written():
    views = [one["attributes"] for one in OBJECTS if one["type"] == "index-pattern"]
    assert len(views) == len(STREAMS)
    for stream in STREAMS.values():
        assert any(fnmatch(stream, view["title"]) for view in views)


def pipeline() -> dict[str, list[Any]]:
    return logstash.Parser((ELK / "logstash/pharos.conf").read_text()).pipeline()


def through_logstash(line: str) -> dict[str, Any]:
    event = {"message": line, "host": {"name": "h"}, "@version": "1", "tags": []}
    return logstash.run(pipeline()["filter"], event)


def written(level: int, event: str, **extra: Any) -> str:
    """The line that the portal's console handler writes."""
    formatter = DictConfigurator(settings.LOGGING).configure_formatter(
        dict(settings.LOGGING["formatters"]["structured"])
    )
    record = logging.LogRecord("shop.bookings", level, "f.py", 1, event, None, None)
    vars(record).update(extra)
    return formatter.format(record)


def test_a_line_of_the_portal_becomes_a_document_of_the_same_fields():
    line = written(logging.WARNING, "booking_failed", request_id="req-12345", trace_id="ab" * 16)
    assert json.loads(line)["event"] == "booking_failed"
    document = through_logstash(line)
    assert document.pop("tags") == []
    at = document.pop("@timestamp")
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    check(document)
    assert document["message"] == "booking_failed"
    assert document["log"] == {"level": "warn", "logger": "shop.bookings"}


def test_a_line_that_is_no_json_is_kept_and_tagged():
    document = through_logstash("Traceback (most recent call last):")
    assert document["message"].startswith("Traceback")
    assert document["tags"] == ["not_json"]


def test_the_pipeline_writes_into_the_stream_of_the_shipper():
    ((name, output),) = pipeline()["output"]
    parts = [output[f"data_stream_{part}"] for part in ("type", "dataset", "namespace")]
    assert name == "elasticsearch"
    assert "-".join(parts) == STREAMS[LOGS]


@pytest.mark.parametrize("broken", ["filter { json { source => } }", "filter {", "input ] {"])
def test_a_broken_pipeline_would_be_noticed(broken):
    with pytest.raises((SyntaxError, KeyError)):
        logstash.run(logstash.Parser(broken).pipeline()["filter"], {})
