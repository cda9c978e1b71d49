"""The messages of remote write and of the protobuf exposition, built here: no package ships them.

Field numbers: prometheus/prometheus, prompb/types.proto, prompb/remote.proto and
prompb/io/prometheus/write/v2/types.proto; prometheus/client_model, metrics.proto. A label read as
bytes is wire-compatible with the message it holds and is a dictionary key; each distinct set of
labels is decoded once.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD: Final = descriptor_pb2.FieldDescriptorProto
_TYPES: Final = {
    "string": _FIELD.TYPE_STRING, "bytes": _FIELD.TYPE_BYTES, "double": _FIELD.TYPE_DOUBLE,
    "int64": _FIELD.TYPE_INT64, "uint64": _FIELD.TYPE_UINT64, "uint32": _FIELD.TYPE_UINT32,
    "sint32": _FIELD.TYPE_SINT32, "sint64": _FIELD.TYPE_SINT64, "int32": _FIELD.TYPE_INT32,
}  # fmt: skip
_PACKAGE: Final = "pharos.prometheus"
# `*` marks repeated fields; a name that is no scalar is a message of this file. Enumerations are
# int32 on the wire.
_MESSAGES: Final[dict[str, str]] = {
    "Label": "1 string name, 2 string value",
    "Sample": "1 double value, 2 int64 timestamp, 3 int64 start_timestamp",
    "Exemplar": "1 *Label labels, 2 double value, 3 int64 timestamp",
    "Span": "1 sint32 offset, 2 uint32 length",
    "Histogram": (
        "1 uint64 count_int, 2 double count_float, 3 double sum, 4 sint32 schema,"
        " 5 double zero_threshold, 6 uint64 zero_count_int, 7 double zero_count_float,"
        " 8 *Span negative_spans, 9 *sint64 negative_deltas, 10 *double negative_counts,"
        " 11 *Span positive_spans, 12 *sint64 positive_deltas, 13 *double positive_counts,"
        " 14 int32 reset_hint, 15 int64 timestamp, 16 *double custom_values,"
        " 17 int64 start_timestamp"
    ),
    "TimeSeries": (
        "1 *bytes labels, 2 *Sample samples, 3 *Exemplar exemplars, 4 *Histogram histograms"
    ),
    "WriteRequest": "1 *TimeSeries timeseries",
    "Metadata": "1 int32 type, 3 uint32 help_ref, 4 uint32 unit_ref",
    "Exemplar2": "1 *uint32 labels_refs, 2 double value, 3 int64 timestamp",
    "TimeSeries2": (
        "1 *uint32 labels_refs, 2 *Sample samples, 3 *Histogram histograms,"
        " 4 *Exemplar2 exemplars, 5 Metadata metadata, 6 int64 created_timestamp"
    ),
    "Request2": "4 *string symbols, 5 *TimeSeries2 timeseries",
    "Stamp": "1 int64 seconds, 2 int32 nanos",
    "Exemplar3": "1 *Label label, 2 double value, 3 Stamp timestamp",
    "Number": "1 double value, 2 Exemplar3 exemplar, 3 Stamp created_timestamp",
    "Quantile": "1 double quantile, 2 double value",
    "Summary": (
        "1 uint64 sample_count, 2 double sample_sum, 3 *Quantile quantile,"
        " 4 Stamp created_timestamp"
    ),
    "Bucket": (
        "1 uint64 cumulative_count, 2 double upper_bound, 3 Exemplar3 exemplar,"
        " 4 double cumulative_count_float"
    ),
    "Histogram3": (
        "1 uint64 sample_count, 2 double sample_sum, 3 *Bucket bucket,"
        " 4 double sample_count_float, 5 sint32 schema, 6 double zero_threshold,"
        " 7 uint64 zero_count, 8 double zero_count_float, 9 *Span negative_span,"
        " 10 *sint64 negative_delta, 11 *double negative_count, 12 *Span positive_span,"
        " 13 *sint64 positive_delta, 14 *double positive_count, 15 Stamp created_timestamp,"
        " 16 *Exemplar3 exemplars"
    ),
    "Metric": (
        "1 *Label label, 2 Number gauge, 3 Number counter, 4 Summary summary,"
        " 5 Number untyped, 6 int64 timestamp_ms, 7 Histogram3 histogram"
    ),
    "MetricFamily": "1 string name, 2 string help, 3 int32 type, 4 *Metric metric",
}


def _build() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="pharos/prometheus.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for text in fields.split(", "):
            number, kind, field_name = text.split()
            repeated, kind = kind.startswith("*"), kind.removeprefix("*")
            message.field.add(
                name=field_name, number=int(number),
                label=_FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL,
                type=_TYPES.get(kind, _FIELD.TYPE_MESSAGE),
                type_name=None if kind in _TYPES else f".{_PACKAGE}.{kind}",
            )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES: Final = _build()
Label: Final[Any] = _CLASSES["Label"]
WriteRequest: Final[Any] = _CLASSES["WriteRequest"]
Request2: Final[Any] = _CLASSES["Request2"]
MetricFamily: Final[Any] = _CLASSES["MetricFamily"]
