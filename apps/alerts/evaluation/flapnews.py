"""Telling that alerts flap: one message for all of a rule that began, or came to rest, at a tick.

Forty servers behind one failing switch flap together; their receivers hear of it once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from apps.alerts.evaluation.notices import payload_for
from apps.alerts.machine import RANK, Severity
from apps.alerts.models import Channel, Episode, Flap, GroupMember, Purpose, Rule
from apps.alerts.services.owe import owe


def began(rule: Rule, flaps: Sequence[Flap], tick: datetime, *, memory: timedelta) -> None:
    """Tell those who were paged for these alerts of late, and note in each row who was told.

    `memory`: how far back changes of its alerts count. Belongs in the transaction that stores them.
    """
    lately = _told_lately(rule, {flap.fingerprint for flap in flaps}, tick - 2 * memory)
    for flap in flaps:
        told = lately.get(flap.fingerprint, set()) if flap.episode is not None else set()
        flap.told, flap.told_channels = bool(told), sorted(told)
    _tell(rule, [flap for flap in flaps if flap.told], tick, started=True)


def came_to_rest(rule: Rule, flaps: Sequence[Flap], tick: datetime) -> None:
    """Tell those who were told that these flap, and forget who they were."""
    _tell(rule, [flap for flap in flaps if flap.told], tick, started=False)
    for flap in flaps:
        flap.told, flap.told_channels = False, []


def facts(flap: Flap, *, started: bool) -> dict[str, Any]:
    """What is told of one alert that flaps, and kept in its timeline."""
    return {
        "started": started,
        "percent": round(flap.history.percent, 2),
        "changes_in_an_hour": len(flap.changes),
        "firing": flap.firing,
        "since": flap.since.isoformat() if flap.since else None,
    }


def _tell(rule: Rule, flaps: Iterable[Flap], tick: datetime, *, started: bool) -> None:
    together: dict[tuple[Any, ...], list[Flap]] = defaultdict(list)
    for flap in flaps:
        if flap.episode is not None:
            together[tuple(flap.told_channels), started or flap.firing].append(flap)
    enabled = Channel.objects.in_bulk({pk for channels, _ in together for pk in channels})
    for (channels, _), alike in together.items():
        head, *others = sorted(alike, key=_first)
        owe(
            [enabled[pk] for pk in channels if pk in enabled and enabled[pk].enabled],
            Purpose.FLAPPING,
            {
                **payload_for(_of(head), Purpose.FLAPPING, rule, [_of(one) for one in others]),
                "flapping": {**facts(head, started=started), "alerts": len(alike)},
            },
            news=f"{'flap' if started else 'flapped'}:{_of(head).pk}:{tick.isoformat()}",
            episode=_of(head), severity=_of(head).severity, reason="flapping",
        )  # fmt: skip


def _of(flap: Flap) -> Episode:
    assert flap.episode is not None
    return flap.episode


def _first(flap: Flap) -> tuple[int, int, str]:
    """The worst at the head, of these the one that changed most."""
    return -RANK[Severity(_of(flap).severity)], -len(flap.changes), flap.fingerprint


def _told_lately(rule: Rule, fingerprints: set[str], since: datetime) -> dict[str, set[int]]:
    """The enabled channels that these alerts paged for since then, by fingerprint."""
    rows = GroupMember.objects.filter(
        episode__rule=rule, episode__fingerprint__in=fingerprints, episode__started_at__gt=since,
        told_at__isnull=False,
    ).values_list("episode__fingerprint", "told_channels")  # fmt: skip
    found: dict[str, set[int]] = defaultdict(set)
    for fingerprint, channels in rows:
        found[fingerprint].update(channels)
    known = {pk for channels in found.values() for pk in channels}
    enabled = set(Channel.objects.filter(pk__in=known, enabled=True).values_list("pk", flat=True))
    return {name: kept for name, channels in found.items() if (kept := channels & enabled)}
