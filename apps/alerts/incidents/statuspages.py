"""Status pages: publishing, the health of components over time, and all that a reader may see.

Only what `shown` returns leaves: names of components, their health, and texts people published.
"""

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.alerts.incident_machine import UNRESOLVED
from apps.alerts.incidents import log
from apps.alerts.incidents.declaring import SERVICE
from apps.alerts.machine import OPEN
from apps.alerts.models import (
    Episode,
    Health,
    Incident,
    Stage,
    StatusComponent,
    StatusNotice,
    StatusPage,
    StatusSpan,
    StatusUpdate,
)
from apps.core.clock import db_now
from apps.core.errors import ConflictError, InvalidInputError

DAYS: Final = 90
_PAST_DAYS: Final = 14
_MOST_NOTICES: Final = 50
_RANK: Final = {value: rank for rank, value in enumerate(Health.values)}
_OF_INCIDENT: Final = {
    "critical": Health.OUTAGE, "major": Health.PARTIAL, "minor": Health.DEGRADED,
}  # fmt: skip
_OF_EPISODE: Final = {"critical": Health.PARTIAL, "warning": Health.DEGRADED}


@dataclass(frozen=True, slots=True)
class News:
    """What is to be published."""

    page: int
    title: str
    text: str
    stage: str
    impact: str


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a component, and the worst it saw."""

    day: date
    worst: str


@dataclass(frozen=True, slots=True)
class Component:
    """One component as readers see it. `uptime`: share of the days without any outage."""

    name: str
    description: str
    health: str
    label: str
    days: Sequence[Day]
    uptime: float


@dataclass(frozen=True, slots=True)
class Shown:
    """All of a page."""

    title: str
    intro: str
    health: str
    components: Sequence[Component]
    active: Sequence[StatusNotice]
    scheduled: Sequence[StatusNotice]
    past: Sequence[StatusNotice]
    at: datetime


def tell(incident: Incident | None, news: News, by: str) -> StatusUpdate:
    """Publish a text. About an incident it continues what was said of it on that page.

    Raises InvalidInputError, ConflictError.
    """
    if news.stage not in Stage.values or news.impact not in Health.values:
        raise InvalidInputError(_("There is no such stage or impact."))
    text = log.sound(news.text, 4000, _("An update"))
    with transaction.atomic():
        page = StatusPage.objects.select_for_update().filter(pk=news.page, enabled=True).first()
        if page is None:
            raise ConflictError(_("There is no such status page, or it is switched off."))
        notice = _notice(page, incident, news)
        told = StatusUpdate.objects.create(notice=notice, stage=news.stage, text=text, by=by[:200])
        StatusNotice.objects.filter(pk=notice.pk).update(
            stage=news.stage, impact=news.impact,
            ends_at=Now() if news.stage == Stage.RESOLVED else None,
        )  # fmt: skip
        if incident is not None:
            log.note(incident, "published", by, text, page=page.title, stage=news.stage)
    refresh()
    return told


def refresh() -> int:
    """Judge every component of every page again; how many changed. May run any number at once."""
    changed = 0
    components = list(StatusComponent.objects.filter(page__enabled=True).order_by("pk")[:1000])
    if not components:
        return 0
    judged = _judged(components)
    for component in components:
        health = judged[component.pk]
        if health != component.health:
            changed += _change(component, health)
    return changed


def set_token(page: StatusPage) -> str:
    """A new token of a private page; shown this once, the old one is void."""
    token = secrets.token_urlsafe(24)
    page.token_hash = _hash(token)
    return token


def may_read(page: StatusPage, token: str) -> bool:
    """Whether a reader with this token may see the page."""
    if page.public:
        return True
    return bool(page.token_hash) and hmac.compare_digest(page.token_hash, _hash(token))


def shown(page: StatusPage) -> Shown:
    """All that readers see; a fixed number of statements."""
    now = db_now()
    components = list(page.components.all()[:200])
    spans = _spans(components, now)
    notices = list(
        page.notices.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gte=now - timedelta(days=_PAST_DAYS))
        ).prefetch_related("updates", "components")[:_MOST_NOTICES]
    )
    running = [one for one in notices if one.stage not in (Stage.RESOLVED, Stage.SCHEDULED)]
    return Shown(
        title=page.title,
        intro=page.intro,
        # What was published counts too, also where it names no component.
        health=_worst([*(one.health for one in components), *(one.impact for one in running)]),
        components=[_component(one, spans[one.pk], now) for one in components],
        active=running,
        scheduled=[one for one in notices if one.stage == Stage.SCHEDULED],
        past=[one for one in notices if one.stage == Stage.RESOLVED],
        at=now,
    )


def _notice(page: StatusPage, incident: Incident | None, news: News) -> StatusNotice:
    if incident is not None:
        found = page.notices.filter(incident=incident).exclude(stage=Stage.RESOLVED).first()
        if found is not None:
            return found
    title = log.sound(news.title, 200, _("The title of a notice"))
    notice = StatusNotice.objects.create(
        page=page, incident=incident, title=title, stage=news.stage, impact=news.impact
    )
    if incident is not None and incident.services:
        notice.components.set(page.components.filter(services__overlap=incident.services))
    return notice


def _judged(components: Sequence[StatusComponent]) -> dict[int, str]:
    """The health of each by its notices, and by the incidents and alerts of its services."""
    services = sorted({name for one in components for name in one.services})
    by_service: dict[str, list[str]] = defaultdict(list)
    if services:
        rows = Incident.objects.filter(
            status__in=[str(one) for one in UNRESOLVED], services__overlap=services
        )
        for severity, names in rows.values_list("severity", "services")[:1000]:
            for name in names:
                by_service[name].append(_OF_INCIDENT[severity])
        open_ones = Episode.objects.filter(state__in=[str(state) for state in OPEN]).filter(
            **{f"labels__{SERVICE}__in": services}
        )
        pairs = open_ones.order_by().values_list(f"labels__{SERVICE}", "severity").distinct()
        for name, severity in pairs[:5000]:
            by_service[name].append(_OF_EPISODE[severity])
    told = defaultdict(list)
    active = StatusNotice.objects.exclude(stage__in=[Stage.RESOLVED, Stage.SCHEDULED]).filter(
        components__in=components, starts_at__lte=Now()
    )
    for component, impact in active.values_list("components", "impact")[:5000]:
        told[component].append(impact)
    return {
        one.pk: _worst([*told[one.pk], *(h for name in one.services for h in by_service[name])])
        for one in components
    }


def _change(component: StatusComponent, health: str) -> int:
    with transaction.atomic():
        won = StatusComponent.objects.filter(pk=component.pk, health=component.health).update(
            health=health
        )
        if not won:
            return 0  # Another process saw it too.
        StatusSpan.objects.filter(component=component, ended_at__isnull=True).update(ended_at=Now())
        if health != Health.OPERATIONAL:
            StatusSpan.objects.create(component=component, health=health, started_at=Now())
    return 1


def _spans(components: Sequence[StatusComponent], now: datetime) -> dict[int, list[StatusSpan]]:
    found: dict[int, list[StatusSpan]] = defaultdict(list)
    rows = StatusSpan.objects.filter(component__in=components).filter(
        Q(ended_at__isnull=True) | Q(ended_at__gte=now - timedelta(days=DAYS))
    )
    for row in rows.order_by(F("started_at").desc())[:20_000]:
        found[row.component_id].append(row)
    return found


def _component(row: StatusComponent, spans: Sequence[StatusSpan], now: datetime) -> Component:
    today = now.date()
    worst: dict[date, list[str]] = defaultdict(list)
    down_s = 0.0
    begin = now - timedelta(days=DAYS)
    for span in spans:
        start, end = max(span.started_at, begin), min(span.ended_at or now, now)
        if span.health in (Health.PARTIAL, Health.OUTAGE):
            down_s += max(0.0, (end - start).total_seconds())
        day = start.date()
        while day <= end.date():
            worst[day].append(span.health)
            day += timedelta(days=1)
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return Component(
        row.name, row.description, row.health, str(Health(row.health).label),
        [Day(day, _worst(worst[day])) for day in days],
        max(0.0, 1 - down_s / (DAYS * 86_400)),
    )  # fmt: skip


def _worst(healths: Iterable[str]) -> str:
    return max(map(str, healths), key=_RANK.__getitem__, default=str(Health.OPERATIONAL))


def _hash(token: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), token.encode(), hashlib.sha256).hexdigest()
