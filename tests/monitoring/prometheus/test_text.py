"""The two text formats, right and wrong."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as open_latest

from apps.monitoring.prometheus.text import ExpositionError, labels_of, parse


def read(text, *, open_metrics=False, most_samples=1000):
    return {f.name: f for f in parse(text, open_metrics=open_metrics, most_samples=most_samples)}


def test_the_example_of_the_format_is_read_as_its_page_explains_it():
    # prometheus.io/docs/instrumenting/exposition_formats, "Text format example".
    text = r"""
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.4582e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
"""
    found = read(text)
    requests = found["http_requests_total"]
    assert (requests.type, requests.help) == ("counter", "The total number of HTTP requests.")
    assert [(s.value, s.time_ns) for s in requests.samples] == [
        (1027.0, 1395066363000_000000), (3.0, 1395066363000_000000),
    ]  # fmt: skip
    odd = found["msdos_file_access_time"].samples[0]
    assert labels_of(odd.labels) == {
        "path": "C:\\DIR\\FILE.TXT", "error": 'Cannot find file:\n"FILE.TXT"',
    }  # fmt: skip
    assert found["metric_without_timestamp_and_labels"].samples[0].value == 12.47
    weird = found["something_weird"].samples[0]
    assert math.isinf(weird.value)
    assert weird.time_ns == -3982045_000000
    assert len(found["http_request_duration_seconds"].samples) == 4
    assert len(found["rpc_duration_seconds"].samples) == 3


def test_open_metrics_counts_seconds_and_has_exemplars():
    text = (
        "# TYPE foo counter\n"
        'foo_total{a="}"} 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.5\n'
        "foo_created 1520430000.123\n"
        "# EOF\n"
    )
    total, created = read(text, open_metrics=True)["foo"].samples
    assert labels_of(total.labels) == {"a": "}"}
    assert total.time_ns == pytest.approx(1520879607_789000000, abs=1000)
    assert labels_of(total.exemplar.labels) == {"trace_id": "KOO5S4vxi0o"}
    assert total.exemplar.value == 0.67
    assert created.value == 1520430000.123


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 1\n", "# EOF"),
        ("a 1\n# EOF\nb 2\n", "after # EOF"),
    ],
)
def test_open_metrics_that_is_not_whole_is_refused(text, words):
    with pytest.raises(ExpositionError, match=words):
        read(text, open_metrics=True)


@pytest.mark.parametrize(
    "line",
    [
        "foo1", "1foo 2", 'a{b="1} 2', "a 1_000", "a one", 'a{b="1"',
        "a 1 2 3", "a 1 NaN", "# TYPE a gause", "{} 1", "a 0x10",
    ],
)  # fmt: skip
def test_what_is_malformed_names_its_line(line):
    with pytest.raises(ExpositionError, match="Line 2"):
        read(f"ok 1\n{line}\n")


@pytest.mark.parametrize("raw", ["b", "b=1", 'b="1" c="2"', 'b="1",,c="2"', '1b="1"', "=", ","])
def test_labels_that_cannot_be_read_are_refused(raw):
    with pytest.raises(ValueError, match="cannot be read"):
        labels_of(raw)


def test_a_label_that_comes_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        labels_of('a="1",a="2"')


def test_more_samples_than_allowed_are_refused_before_all_are_read():
    with pytest.raises(ExpositionError, match="more than 3 samples"):
        read("a 1\n" * 1000, most_samples=3)


def test_what_the_official_client_writes_is_read_in_both_formats():
    registry = CollectorRegistry()
    Counter("jobs", "Jobs \\ done.", ["kind"], registry=registry).labels('a"b\\c\nd').inc(3)
    Gauge("depth", "Depth", registry=registry).set(math.inf)
    Histogram("took_seconds", "Took", buckets=(0.1, 1), registry=registry).observe(
        0.5, {"trace_id": "ab" * 16}
    )
    plain = read(generate_latest(registry).decode())
    full = read(open_latest(registry).decode(), open_metrics=True)
    assert labels_of(plain["jobs_total"].samples[0].labels) == {"kind": 'a"b\\c\nd'}
    assert plain["jobs_total"].samples[0].value == full["jobs"].samples[0].value == 3
    assert plain["jobs_total"].help == "Jobs \\ done."
    assert [f.type for f in full.values()] == ["counter", "gauge", "histogram"]
    exemplars = [s.exemplar for s in full["took_seconds"].samples if s.exemplar]
    assert [e.value for e in exemplars] == [0.5]


@given(st.text(alphabet='ab_:{}="\\#, \t\n\r1.e+-', max_size=80), st.booleans())
def test_no_text_does_anything_but_be_read_or_refused(text, open_metrics):
    try:
        families = read(text, open_metrics=open_metrics)
    except ExpositionError:
        return
    for family in families.values():
        for sample in family.samples:
            try:
                labels_of(sample.labels)
            except ValueError:
                continue


@given(st.dictionaries(st.text("ab_", min_size=1, max_size=4), st.text(max_size=9), max_size=5))
def test_labels_come_back_as_they_were_written(labels):
    table = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
    raw = ",".join(f'{name}="{text.translate(table)}"' for name, text in labels.items())
    assert labels_of(raw) == labels


def test_comments_alone_cannot_fill_the_memory():
    with pytest.raises(ExpositionError, match="families"):
        read("".join(f"# HELP a{n} b\n" for n in range(5)), most_samples=3)
