"""What several traces say together, as programs get it."""

from typing import Any, Final

from apps.monitoring.queries.servicemap import Link, Node, ServiceMap
from apps.monitoring.traces.aggregate import Operation, Waiting
from apps.monitoring.traces.compare import Comparison, Place, Side

_MOST_PLACES: Final = 2000
_MOST_OPERATIONS: Final = 200


def comparison_body(found: Comparison) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "a": found.a.id.hex,
        "b": found.b.id.hex,
        "change_us": found.change_us,
        "truncated": len(found.places) > _MOST_PLACES or found.a.truncated or found.b.truncated,
        "places": [_place(place) for place in found.places[:_MOST_PLACES]],
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "service": place.service,
        "name": place.name,
        "depth": place.depth,
        "verdict": place.verdict,
        "a": _side(place.a),
        "b": _side(place.b),
    }


def _side(side: Side) -> dict[str, int]:
    return {
        "calls": side.calls, "failed": side.failed, "total_us": side.total_us,
        "self_us": side.self_us, "critical_us": side.critical_us,
    }  # fmt: skip


def waiting_body(found: Waiting) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "traces": found.traces,
        "slow": found.slow,
        "mean_us": found.total_us / found.traces if found.traces else None,
        "operations": [_operation(found, one) for one in found.operations[:_MOST_OPERATIONS]],
    }


def _operation(found: Waiting, one: Operation) -> dict[str, Any]:
    return {
        "service": one.service,
        "name": one.name,
        "share": found.share(one),
        "slow_share": found.slow_share(one),
        "mean_us": one.us / found.traces,
        "traces": one.traces,
        "calls_per_trace": one.segments / found.traces,
        "worst": one.worst.hex if one.worst else "",
        "worst_us": one.worst_us,
    }


def map_body(found: ServiceMap) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "start": found.start,
        "end": found.end,
        "sampled": found.sampled,
        "left_out": found.left_out,
        "nodes": [_node(node) for node in found.nodes],
        "edges": [_link(link) for link in found.links],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "id": node.id, "kind": node.kind, "name": node.name, "n": node.n, "err": node.err,
        "p95_s": node.p95_s,
    }  # fmt: skip


def _link(link: Link) -> dict[str, Any]:
    return {
        "src": link.src, "dst": link.dst, "n": link.n, "err": link.err, "p50_s": link.p50_s,
        "p95_s": link.p95_s, "fan_out": link.fan_out, "critical_share": link.critical_share,
    }  # fmt: skip
