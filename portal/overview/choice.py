"""Which service and range a request of the Overview means."""

from collections.abc import Mapping

from apps.core.errors import InvalidInputError, NotFoundError
from apps.monitoring.queries.services import is_known
from portal.overview.ranges import DEFAULT, SPANS, Span

OWN = "pharos"


def choose(query: Mapping[str, str]) -> tuple[str, Span]:
    """The service and range of `?service=…&range=…`. Raises InvalidInputError, NotFoundError."""
    service = query.get("service", OWN)
    span = SPANS.get(query.get("range", DEFAULT))
    if span is None:
        raise InvalidInputError(f"`range` is one of {', '.join(SPANS)}.", {"parameter": "range"})
    if service != OWN and not is_known(service):
        raise NotFoundError(f"No service called {service[:100]!r} has sent anything yet.")
    return service, span
