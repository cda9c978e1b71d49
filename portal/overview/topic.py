"""The live topics `overview:<step in seconds>:<service>`.

A message holds the newest end, which depends on the step alone: everyone who looks at a service in
the same step shares one topic, however far back they look. Steps are a short list and services are
known ones, so no address can invent a topic.
"""

from typing import Final

from apps.core.charts.window import STEPS
from apps.core.live import Topic, register_family
from apps.monitoring.queries.services import is_known
from portal.overview import payload
from portal.overview.choice import OWN

FAMILY: Final = "overview"
_INTERVAL_S: Final = 2.0
_STEPS: Final = {str(step): step for step in STEPS}


def name(service: str, step_s: int) -> str:
    """What a page subscribes to."""
    return f"{FAMILY}:{step_s}:{service}"


def resolve(rest: str) -> Topic | None:
    """The topic of `<step>:<service>`; None for a step or service there is not."""
    text, _, service = rest.partition(":")
    step_s = _STEPS.get(text)
    if step_s is None or not (service == OWN or is_known(service)):
        return None
    return Topic(name(service, step_s), _INTERVAL_S, lambda: payload.newest(service, step_s))


def register() -> None:
    """Make the topics known to the hub."""
    register_family(FAMILY, resolve)
