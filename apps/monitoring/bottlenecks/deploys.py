"""Routes that are slower since a deployment, as bottlenecks like any other."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.core.timerange import TimeRange
from apps.monitoring.bottlenecks.finding import fingerprint
from apps.monitoring.bottlenecks.folding import costliest, route_key
from apps.monitoring.bottlenecks.kinds import BottleneckKind
from apps.monitoring.models import Bottleneck, Sighting
from apps.monitoring.models.deployment import Deployment
from apps.monitoring.queries import deployments, red, slowest, trends
from apps.monitoring.queries.operations import Figures, Operation, Wanted
from apps.monitoring.services.pins import PinReason, pin

# As long as there is something to compare with.
_LOOK_BACK: Final = timedelta(hours=1)
_PINNED: Final = timedelta(days=14)
_LONGEST: Final = 500


def watch(now: datetime | None = None) -> int:
    """Look at every deployment of the last hour; how many routes are slower since one.

    Running it again replaces what was said of the same deployment.
    """
    now = now or datetime.now(UTC)
    slower = 0
    for deployment in deployments.between((), TimeRange(now - _LOOK_BACK, now)):
        told = trends.around(deployment, now)
        regressed = [operation for operation, trend in told.items() if trend.regressed]
        if not regressed:
            continue
        since = TimeRange(deployment.at, now)
        figures = red.operations(since, Wanted(service=deployment.service))
        for operation in regressed:
            compared = told[operation].against[0].durations
            before_us = round((compared.before_s or 0) * 1e6)
            facts: dict[str, Any] = {
                "version": deployment.version,
                "deployed_at": deployment.at.isoformat(),
                "before_us": before_us,
                "after_us": round((compared.after_s or 0) * 1e6),
            }
            evidence = _evidence(since, operation, before_us)
            _keep(deployment, operation, figures[operation], facts, evidence, now)
            slower += 1
    return slower


def _evidence(since: TimeRange, operation: Operation, before_us: int) -> list[dict[str, Any]]:
    wanted = Wanted(service=operation.service, name=operation.name)
    return costliest(
        {
            "trace_id": one.trace_id.hex, "at": one.at.isoformat(), "span_ids": [],
            "lost_us": max(round(one.duration_s * 1e6) - before_us, 0),
            "duration_us": round(one.duration_s * 1e6),
        }
        for one in slowest.exemplars(since, wanted) if not one.failed
    )  # fmt: skip


def _keep(
    deployment: Deployment, operation: Operation, figures: Figures, facts: dict[str, Any],
    evidence: list[dict[str, Any]], now: datetime,
) -> None:  # fmt: skip
    """Its figures since the deployment, kept under the minute of the deployment."""
    service, route = operation.service[:_LONGEST], operation.name[:_LONGEST]
    gained_us = max(facts["after_us"] - facts["before_us"], 0)
    # By how much the slowest became slower: what one in twenty waits for is not lost by all.
    lost_us = round(figures.n * gained_us * 0.05)
    minute = deployment.at.replace(second=0, microsecond=0)
    with transaction.atomic():
        row, _made = Bottleneck.objects.get_or_create(
            fingerprint=fingerprint(BottleneckKind.REGRESSION, service, route, deployment.version),
            defaults={
                "kind": BottleneckKind.REGRESSION, "service": service, "route": route,
                "subject": deployment.version, "route_key": route_key(service, route),
                "first_seen": deployment.at, "last_seen": now,
            },
        )  # fmt: skip
        old = Sighting.objects.select_for_update().filter(bottleneck=row, minute=minute).first()
        Sighting.objects.update_or_create(
            bottleneck=row, minute=minute,
            defaults={"requests": figures.n, "lost_us": lost_us, "worst_us": gained_us},
        )  # fmt: skip
        Bottleneck.objects.filter(pk=row.pk).update(
            last_seen=now, facts=facts, evidence=evidence, worst_us=gained_us,
            requests=F("requests") + figures.n - (old.requests if old else 0),
            lost_us=F("lost_us") + lost_us - (old.lost_us if old else 0),
        )  # fmt: skip
        traces = [(UUID(told["trace_id"]), datetime.fromisoformat(told["at"])) for told in evidence]
        pin(traces, PinReason.EVIDENCE, now + _PINNED)
