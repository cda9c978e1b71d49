"""Traces in other tools' forms, held against what those tools publish of them."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

import jsonschema
import pytest
from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from apps.monitoring.intake import json_request
from tests.face.evidence import BANK, NOW, SHOP, ns, span
from tests.face.evidence import store as add

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/admin/performance/traces"
HEX32, HEX16 = {"type": "string", "pattern": "^[0-9a-f]{32}$"}, {"pattern": "^[0-9a-f]{16}$"}
MICROSECONDS = {"type": "integer", "minimum": 1_000_000_000_000_000}

# Restated from openzipkin/zipkin-api: zipkin2-api.yaml, Span, Endpoint, Annotation, Tags.
ENDPOINT = {
    "type": "object", "additionalProperties": False,
    "properties": {
        "serviceName": {"type": "string"}, "ipv4": {"type": "string"},
        "ipv6": {"type": "string"}, "port": {"type": "integer"},
    },
}  # fmt: skip
ZIPKIN = {
    "type": "array",
    "items": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["traceId", "id"],
            "additionalProperties": False,
            "properties": {
                "traceId": {"type": "string", "pattern": "^[a-f0-9]{16,32}$"},
                "parentId": {"type": "string", "pattern": "^[a-f0-9]{16}$"},
                "id": {"type": "string", "pattern": "^[a-f0-9]{16}$"},
                "kind": {"enum": ["CLIENT", "SERVER", "PRODUCER", "CONSUMER"]},
                "name": {"type": "string"},
                "timestamp": MICROSECONDS,
                "duration": {"type": "integer", "minimum": 1},
                "debug": {"type": "boolean"},
                "shared": {"type": "boolean"},
                "localEndpoint": ENDPOINT,
                "remoteEndpoint": ENDPOINT,
                "annotations": {
                    "type": "array",
                    "items": {
                        "type": "object", "additionalProperties": False,
                        "properties": {"timestamp": MICROSECONDS, "value": {"type": "string"}},
                    },
                },
                "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    },
}  # fmt: skip

# Restated from Jaeger's JSON model (model/json/model.go) and jaeger-ui (types/trace.ts).
TAGS = {
    "type": "array",
    "items": {
        "type": "object", "required": ["key", "value"], "additionalProperties": False,
        "properties": {"key": {"type": "string"}, "type": {}, "value": {}},
        "oneOf": [
            {"properties": {"type": {"const": "string"}, "value": {"type": "string"}}},
            {"properties": {"type": {"const": "bool"}, "value": {"type": "boolean"}}},
            {"properties": {"type": {"const": "int64"}, "value": {"type": "integer"}}},
            {"properties": {"type": {"const": "float64"}, "value": {"type": "number"}}},
        ],
    },
}  # fmt: skip
JAEGER_SPAN = {
    "type": "object",
    "required": ["traceID", "spanID", "operationName", "references", "startTime", "duration",
                 "tags", "logs", "processID"],
    "additionalProperties": False,
    "properties": {
        "traceID": HEX32, "spanID": HEX16, "operationName": {"type": "string"},
        "flags": {"type": "integer"}, "startTime": MICROSECONDS,
        "duration": {"type": "integer", "minimum": 0}, "processID": {"type": "string"},
        "warnings": {"type": ["array", "null"]}, "tags": TAGS,
        "references": {"type": "array", "items": {
            "type": "object", "additionalProperties": False,
            "required": ["refType", "traceID", "spanID"],
            "properties": {"refType": {"enum": ["CHILD_OF", "FOLLOWS_FROM"]}, "traceID": HEX32,
                           "spanID": HEX16},
        }},
        "logs": {"type": "array", "items": {
            "type": "object", "required": ["timestamp", "fields"], "additionalProperties": False,
            "properties": {"timestamp": MICROSECONDS, "fields": TAGS},
        }},
    },
}  # fmt: skip
JAEGER = {
    "type": "object", "required": ["data"],
    "properties": {"data": {"type": "array", "items": {
        "type": "object", "required": ["traceID", "spans", "processes"],
        "properties": {
            "traceID": HEX32, "spans": {"type": "array", "items": JAEGER_SPAN},
            "processes": {"type": "object", "additionalProperties": {
                "type": "object", "required": ["serviceName", "tags"],
                "properties": {"serviceName": {"type": "string"}, "tags": TAGS},
            }},
        },
    }}},
}  # fmt: skip


@pytest.fixture
def one(store):
    """A trace of two services with everything a span can carry."""
    key, other = uuid4(), uuid4()
    event = {
        "name": "exception", "time_ns": ns(NOW + timedelta(milliseconds=30)),
        "attrs": {"exception.type": "KeyError"},
    }  # fmt: skip
    link = {"trace_id": other.hex, "span_id": "00000000000000ab", "attrs": {"why": "batch"}}
    odd = {
        "text": "héllo <b>", "number": 7, "huge": 2**60, "half": 0.5, "yes": True, "none": None,
        "list": [1, "two", False], "map": {"a": {"b": 1}}, "nan": "NaN",
        "otel.scope.name": "shop.http", "w3c.tracestate": "ot=th:8;rv:abcdef01234567",
    }  # fmt: skip
    add(
        span("GET /", 0, 100, trace=key, id=1, attrs=odd),
        span("charge", 10, 50, trace=key, id=2**64 - 2, parent_id=1, kind=3, status=2,
             attrs={"server.address": "bank", "otel.status_description": "refused"},
             events=[event], links=[link]),
        span("POST /charge", 12, 40, trace=key, id=3, parent_id=2**64 - 2, resource=BANK),
        span("instant", 20, 0, trace=key, id=4, parent_id=3, kind=0, resource=BANK),
    )  # fmt: skip
    return key


def asked(reader, one, form):
    answer = reader.get(f"{URL}/{one.hex}", {"format": form})
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="{one.hex}.{form}.json"'
    return answer.json()


def test_zipkins_form_is_what_its_openapi_says(reader, one):
    found = asked(reader, one, "zipkin")
    jsonschema.validate(found, ZIPKIN)
    spans = {item["name"]: item for item in found[0]}
    assert spans["charge"]["parentId"] == "0000000000000001"
    assert spans["charge"]["id"] == "fffffffffffffffe"
    assert spans["charge"]["tags"]["error"] == "refused"
    assert spans["charge"]["remoteEndpoint"] == {"serviceName": "bank"}
    assert spans["charge"]["annotations"][0]["value"].startswith('"exception": {')
    assert spans["POST /charge"]["localEndpoint"] == {"serviceName": "evidence-bank"}
    assert "parentId" not in spans["GET /"]
    assert "error" not in spans["GET /"]["tags"]
    assert "kind" not in spans["instant"]


def test_jaegers_form_is_what_its_model_says(reader, one):
    found = asked(reader, one, "jaeger")
    jsonschema.validate(found, JAEGER)
    (trace,) = found["data"]
    spans = {item["operationName"]: item for item in trace["spans"]}
    assert [ref["refType"] for ref in spans["charge"]["references"]] == ["CHILD_OF", "FOLLOWS_FROM"]
    tags = {tag["key"]: tag["value"] for tag in spans["charge"]["tags"]}
    assert (tags["error"], tags["span.kind"], tags["otel.status_code"]) == (True, "client", "ERROR")
    process = trace["processes"][spans["POST /charge"]["processID"]]
    assert process["serviceName"] == "evidence-bank"
    ids = {item["spanID"] for item in trace["spans"]}
    assert all(ref["spanID"] in ids for s in trace["spans"] for ref in s["references"][:1])
    huge = next(tag for tag in spans["GET /"]["tags"] if tag["key"] == "huge")
    assert huge == {"key": "huge", "type": "string", "value": str(2**60)}


def test_otlps_form_is_read_by_the_official_schema_and_by_our_own_intake(reader, one):
    found = asked(reader, one, "otlp")
    official = json_format.Parse(json.dumps(_base64_ids(found)), TracesData())
    spans = {s.name: s for r in official.resource_spans for sc in r.scope_spans for s in sc.spans}
    assert spans["GET /"].trace_id == one.bytes
    assert spans["charge"].span_id == (2**64 - 2).to_bytes(8)
    assert spans["charge"].parent_span_id == (1).to_bytes(8)
    assert (spans["charge"].status.code, spans["charge"].status.message) == (2, "refused")
    assert spans["GET /"].trace_state == "ot=th:8;rv:abcdef01234567"
    assert spans["POST /charge"].kind == 2
    assert spans["GET /"].end_time_unix_nano - spans["GET /"].start_time_unix_nano == 100_000_000
    values = {a.key: a.value for a in spans["GET /"].attributes}
    assert values["huge"].int_value == 2**60
    assert values["list"].array_value.values[1].string_value == "two"
    assert values["map"].kvlist_value.values[0].value.kvlist_value.values[0].key == "b"
    assert values["none"].WhichOneof("value") is None
    assert official.resource_spans[0].scope_spans[0].scope.name == "shop.http"
    names = [a.value.string_value for r in official.resource_spans for a in r.resource.attributes]
    assert set(names) == {SHOP.attrs["service.name"], BANK.attrs["service.name"]}
    ours = TracesData.FromString(json_request.to_protobuf(json.dumps(found).encode(), TracesData))
    assert ours == official


def _base64_ids(value, key=""):
    """proto3's own JSON has bytes in base64 where OTLP/JSON has ids in hexadecimal."""
    if isinstance(value, dict):
        return {name: _base64_ids(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_base64_ids(item, key) for item in value]
    if key in ("traceId", "spanId", "parentSpanId"):
        return base64.b64encode(bytes.fromhex(value)).decode()
    return value


def test_an_unknown_form_or_trace_is_refused(reader, store):
    assert reader.get(f"{URL}/{uuid4().hex}", {"format": "xml"}).status_code == 400
    assert reader.get(f"{URL}/{uuid4().hex}", {"format": "zipkin"}).status_code == 404
