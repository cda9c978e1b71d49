"""How rules open incidents."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, transaction

from apps.alerts.incidents.declaring import About, declare, services_of
from apps.alerts.machine import Severity
from apps.alerts.models import Episode, Rule
from apps.monitoring import recorder

BY: Final = "system"
log = structlog.get_logger(__name__)


def apart(verb: Callable[..., object], *args: object) -> None:
    """Do it with a way back: an incident that cannot be kept must not take the page with it."""
    try:
        with transaction.atomic():
            verb(*args)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("incident_not_kept")
        recorder.count("pharos.incident.failures")


def opened(rule: Rule, fired: Sequence[Episode]) -> None:
    """Open what this rule's news ask for. For the transaction of the evaluation.

    One incident for each service the rule speaks of, however many of its alerts fire.
    """
    if rule.opens_incident:
        _open(rule, [one for one in fired if _opens(rule, one)])


def _opens(rule: Rule, episode: Episode) -> bool:
    return rule.opens_incident == "any" or episode.severity == Severity.CRITICAL


def _open(rule: Rule, episodes: Sequence[Episode]) -> None:
    by_service: dict[str, list[Episode]] = defaultdict(list)
    for episode in episodes:
        by_service[next(iter(services_of([episode])), "")].append(episode)
    # Sorted: one order for every worker, so that two can never wait for each other.
    for service, mine in sorted(by_service.items()):
        critical = any(one.severity == Severity.CRITICAL for one in mine)
        declare(
            f"rule:{rule.pk}:{service}"[:200],
            f"{rule.name}: {service}"[:300] if service else rule.name,
            Severity.CRITICAL if critical else Severity.WARNING,
            by=BY, episodes=mine, source="rule",
            about=About(summary=rule.summary, auto_resolve=True),
        )  # fmt: skip
