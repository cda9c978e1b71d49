"""What rules remember of label sets between evaluations: which there were, and their baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.alerts.models import Rule, SeenSeries


@dataclass(slots=True)
class Memory:
    """One label set. `last_seen` is when it last had a figure; `facts` are its condition's own."""

    labels: Mapping[str, str]
    first_seen: datetime
    last_seen: datetime
    facts: dict[str, Any] = field(default_factory=dict)


def recall(rule: Rule) -> dict[str, Memory]:
    """All that the rule remembers, by fingerprint; a rule that is only tried remembers nothing."""
    if rule._state.adding:
        return {}
    rows = SeenSeries.objects.filter(rule=rule).values_list(
        "fingerprint", "labels", "first_seen", "last_seen", "facts"
    )
    return {row[0]: Memory(*row[1:]) for row in rows}


def remember(rule: Rule, changed: Mapping[str, Memory], gone: Sequence[str]) -> None:
    """Keep what changed, forget what is gone."""
    if rule._state.adding:
        return
    if changed:
        SeenSeries.objects.bulk_create(
            # Sorted: one order for every worker, so that two bulk writes can never deadlock.
            [
                SeenSeries(
                    rule=rule,
                    fingerprint=key,
                    labels=dict(one.labels),
                    first_seen=one.first_seen,
                    last_seen=one.last_seen,
                    facts=one.facts,
                )
                for key, one in sorted(changed.items())
            ],
            update_conflicts=True,
            unique_fields=["rule", "fingerprint"],
            update_fields=["last_seen", "facts"],
        )
    if gone:
        SeenSeries.objects.filter(rule=rule, fingerprint__in=gone).delete()
