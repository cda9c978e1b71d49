"""Messages decoded, for the tests of what they become."""

import json
import time

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from apps.monitoring.intake.decoding import Decoding
from apps.monitoring.intake.signals import SIGNALS
from tests.monitoring.intake import messages as m

NOW = time.time_ns()
TRACES, LOGS, METRICS = (SIGNALS[f"/v1/{name}"] for name in ("traces", "logs", "metrics"))


def decoded(signal, message) -> Decoding:
    return signal.decode(message.SerializeToString(), is_json=False)


def only_span(**changes):
    return decoded(TRACES, m.traces(m.span(**changes))).batch.spans[0]


def metric_points(data, name="latency", **fields):
    done = decoded(METRICS, m.metrics(pb.Metric(name=name, unit="s", **data, **fields)))
    return done, done.batch


def explicit(**changes):
    fields = {
        "time_unix_nano": NOW, "start_time_unix_nano": NOW - 60, "count": 6, "sum": 3.5,
        "min": 0.1, "max": 2.0, "explicit_bounds": [0.5, 1.0], "bucket_counts": [3, 2, 1],
        "exemplars": [
            pb.Exemplar(
                time_unix_nano=NOW, as_double=0.7, trace_id=b"t" * 16, span_id=b"s" * 8,
                filtered_attributes=m.attributes(user="u1"),
            )
        ],
    }  # fmt: skip
    return pb.HistogramDataPoint(**{**fields, **changes})


def histogram(*points, temporality=1):
    return {"histogram": pb.Histogram(data_points=points, aggregation_temporality=temporality)}


def as_otlp_json(message) -> bytes:
    """The message as OTLP/JSON: proto3 JSON with hex ids and enum numbers."""
    from base64 import b64decode

    def walk(value):
        if isinstance(value, dict):
            return {
                key: b64decode(item).hex().upper()
                if key in {"traceId", "spanId", "parentSpanId"}
                else walk(item)
                for key, item in value.items()
            }
        return [walk(item) for item in value] if isinstance(value, list) else value

    return json.dumps(walk(MessageToDict(message, use_integers_for_enums=True))).encode()
