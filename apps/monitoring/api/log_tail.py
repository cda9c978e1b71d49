"""The live topic `logs?level=…&service=…`: lines as they come, filtered by the server."""

from collections.abc import Mapping
from typing import Any, Final

from apps.core.live import Topic, register_filtered
from apps.monitoring.api.searches import LogParameters, log_filter
from apps.monitoring.queries.tail import Tail

FAMILY: Final = "logs"
FIELDS: Final = frozenset(("service", "level", "text", "trace", "request", "attr"))
_INTERVAL_S: Final = 1.0


def resolve(rest: str, wanted: Mapping[str, str]) -> Topic | None:
    """The topic of one filter; None where the search would refuse it."""
    given: dict[str, Any] = dict(wanted)
    if "attr" in given:
        given["attr"] = [given["attr"]]
    asked = LogParameters(data=given)
    if rest or not asked.is_valid():
        return None
    tail = Tail(log_filter(asked.validated_data))
    return Topic(FAMILY, _INTERVAL_S, tail.read, "monitoring.view_logrecord")


def register() -> None:
    """Make the topics known to the hub."""
    register_filtered(FAMILY, resolve, FIELDS)
