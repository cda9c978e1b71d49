"""What pages sent, cut down to what their key lets them say.

The service is the key's, attributes are those of an allow list, and a key has a bound of series:
anyone who opens the page can send anything.
"""

import threading
import time
from collections.abc import Hashable, Mapping
from typing import Any, Final

from apps.monitoring.intake.decoding import Decoding
from apps.monitoring.receivers.browserkeys import KeyFacts
from apps.monitoring.store.rows import Metric, Resource, Series

# OpenTelemetry's names of what a browser knows; whole families end in a dot.
ALLOWED: Final = (
    "browser.", "client.", "device.", "error.", "event.", "exception.", "http.", "navigation.",
    "network.", "otel.", "page.", "server.", "session.", "url.", "user_agent.", "web_vital.",
)  # fmt: skip
_OF_RESOURCE: Final = (
    "browser.", "deployment.environment", "device.", "os.", "service.version", "telemetry.sdk.",
    "user_agent.",
)  # fmt: skip
# Never, also where a family is allowed: what tells who somebody is, or opens something.
_NEVER: Final = frozenset(
    ("url.query", "client.address", "http.request.header.authorization",
     "http.request.header.cookie", "http.response.header.set-cookie")
)  # fmt: skip
_WINDOW_S: Final = 3600.0
_MOST_RESOURCES: Final = 50
_FULL: Final = "more series than the key allows in an hour"


class _Series:
    """The series of one key in this hour, and its resources."""

    def __init__(self) -> None:
        self.until = time.monotonic() + _WINDOW_S
        self.series: dict[Hashable, Series] = {}
        self.resources: dict[Hashable, Resource] = {}


_of_keys: dict[str, _Series] = {}
_lock = threading.Lock()


def trim(decoding: Decoding, facts: KeyFacts) -> None:
    """Rewrite the rows in place; what the key has no room for is refused."""
    known = _known(facts.key)
    resources: dict[int, Resource] = {}

    def resource(of: Resource) -> Resource:
        found = resources.get(id(of))
        if found is None:
            found = resources[id(of)] = _resource(of, facts, known)
        return found

    def series(of: Series) -> Series | None:
        return _series(of, resource(of.resource), facts, known)

    batch = decoding.batch
    keep = facts.attributes
    batch.spans = [
        span._replace(
            resource=resource(span.resource), attrs=_kept(span.attrs, keep),
            events=_nested(span.events, keep), links=_nested(span.links, keep),
        )
        for span in batch.spans
    ]  # fmt: skip
    batch.logs = [
        log._replace(resource=resource(log.resource), attrs=_kept(log.attrs, keep))
        for log in batch.logs
    ]
    samples = [(series(row.series), row) for row in batch.samples]
    points = [(series(row.series), row) for row in batch.histograms]
    batch.samples = [row._replace(series=of) for of, row in samples if of is not None]
    batch.histograms = [
        row._replace(series=of, exemplars=_nested(row.exemplars, keep))
        for of, row in points
        if of is not None
    ]
    lost = len(samples) + len(points) - len(batch.samples) - len(batch.histograms)
    if lost:
        decoding.refuse(_FULL, lost)


def allowed(name: str, further: frozenset[str]) -> bool:
    """Whether a page may set this attribute."""
    return name in further or (name.startswith(ALLOWED) and name not in _NEVER)


def _kept(attrs: Mapping[str, Any], further: frozenset[str]) -> dict[str, Any]:
    kept = {name: value for name, value in attrs.items() if allowed(name, further)}
    whole = kept.get("url.full")
    if isinstance(whole, str):
        # Queries hold tokens and what people typed.
        kept["url.full"] = whole.partition("#")[0].partition("?")[0]
    return kept


def _nested(
    items: list[dict[str, Any]] | None, further: frozenset[str]
) -> list[dict[str, Any]] | None:
    """Events, links and exemplars: each has attributes of its own."""
    if not items:
        return items
    return [{**item, "attrs": _kept(item.get("attrs") or {}, further)} for item in items]


def _resource(of: Resource, facts: KeyFacts, known: _Series) -> Resource:
    attrs = {
        name: value
        for name, value in of.attrs.items()
        if name.startswith(_OF_RESOURCE) and isinstance(value, str | bool | int | float)
    }
    key = tuple(sorted((name, str(value)) for name, value in attrs.items()))
    found = known.resources.get(key)
    if found is None:
        if len(known.resources) >= _MOST_RESOURCES:
            # Made-up versions would make a resource each: from here on all share one.
            attrs, key = {}, ()
        made = Resource({**attrs, "service.name": facts.service, "pharos.origin": "browser"})
        found = known.resources.setdefault(key, made)
    return found


def _series(of: Series, resource: Resource, facts: KeyFacts, known: _Series) -> Series | None:
    attrs = _kept(of.attrs, facts.attributes)
    identity: Metric = of.metric
    key = (identity, id(resource), tuple(sorted((k, str(v)) for k, v in attrs.items())))
    found = known.series.get(key)
    if found is None:
        if len(known.series) >= facts.most_series:
            return None
        found = known.series.setdefault(key, Series(identity, resource, attrs))
    return found


def _known(key: str) -> _Series:
    with _lock:
        found = _of_keys.get(key)
        if found is None or found.until < time.monotonic():
            found = _of_keys[key] = _Series()
        return found
