"""Whole traces as programs get them, and as the pages' scripts do."""

from typing import Any

import orjson

from apps.core.api.renderers import utc_text
from apps.monitoring.api.rows import span_hex
from apps.monitoring.traces.reading import Details, ServicePart, Trace, kind_name


def trace_body(trace: Trace) -> dict[str, Any]:
    """A whole trace, read with its attributes: services, spans depth first, the critical path."""
    attrs = trace.attrs or []
    return {**_head(trace), "spans": [_span(trace, i, text) for i, text in enumerate(attrs)]}


def trace_shape(trace: Trace) -> dict[str, Any]:
    """The same in columns, without attributes: forty thousand spans in two megabytes.

    `name` and `service` hold indexes into `names` and `services`; `ids` are without separators,
    sixteen letters each; `parents_lost` and `skews_us` name only the spans they hold for.
    """
    tree = trace.tree
    names: dict[str, int] = {}
    name = [names.setdefault(span.name, len(names)) for span in tree.spans]
    services = {part.name: i for i, part in enumerate(trace.services)}
    start = trace.start_us
    return {
        **_head(trace),
        "names": list(names),
        "name": name,
        "service": [services[span.service] for span in tree.spans],
        "kind": [span.kind for span in tree.spans],
        "failed": [i for i, span in enumerate(tree.spans) if span.failed],
        "depth": tree.depths,
        "offset_us": [at - start for at in tree.starts_us],
        "took_us": [stop - at for at, stop in zip(tree.starts_us, tree.stops_us, strict=True)],
        "self_us": trace.self_us,
        "ids": "".join(span_hex(span.span_id) for span in tree.spans),
        "parents_lost": {
            i: span_hex(parent)
            for i in tree.tops
            if (parent := tree.spans[i].parent_id) is not None
        },
        "skews_us": {i: skew for i, skew in enumerate(tree.skews_us) if skew},
    }


def span_details(found: Details) -> dict[str, Any]:
    """What one opened row shows. JSON-ready."""
    return {"attrs": found.attrs, "events": found.events, "links": found.links}


def _head(trace: Trace) -> dict[str, Any]:
    start = trace.start_us
    return {
        "trace_id": trace.id.hex,
        "start": utc_text(trace.start),
        "duration_us": trace.duration_us,
        "truncated": trace.truncated,
        "services": [_part(part) for part in trace.services],
        "path": [[one.span, one.start_us - start, one.end_us - start] for one in trace.path],
    }


def _part(part: ServicePart) -> dict[str, Any]:
    return {
        "name": part.name,
        "spans": part.spans,
        "failed": part.failed,
        "self_us": part.self_us,
        "critical_us": part.critical_us,
    }


def _span(trace: Trace, i: int, attrs: str) -> dict[str, Any]:
    tree = trace.tree
    span = tree.spans[i]
    return {
        "span_id": span_hex(span.span_id),
        "parent_id": None if span.parent_id is None else span_hex(span.parent_id),
        "name": span.name,
        "service": span.service,
        "kind": kind_name(span.kind),
        "failed": span.failed,
        "orphan": tree.orphan(i),
        "depth": tree.depths[i],
        "offset_us": tree.starts_us[i] - trace.start_us,
        "duration_us": tree.stops_us[i] - tree.starts_us[i],
        "self_us": trace.self_us[i],
        "critical_us": trace.critical_us[i],
        "skew_us": tree.skews_us[i],
        "attrs": orjson.Fragment(attrs),
    }
