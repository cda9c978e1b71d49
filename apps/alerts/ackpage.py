"""The page behind a message's link: a button that acknowledges, for whoever holds the link."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from apps.alerts import links
from apps.alerts.delivery.wording import figure
from apps.alerts.machine import OPEN
from apps.alerts.models import Acknowledgement, Episode
from apps.alerts.services.acknowledgements import acknowledge
from apps.core.errors import NotFoundError

_MOST_TOGETHER: Final = 500


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, signed: str) -> HttpResponse:
    """GET shows what would be acknowledged and changes nothing; POST does it.

    Mail servers, chats and virus scanners open links: they must not take an alert from people.
    """
    try:
        allowed = links.read(signed)
    except NotFoundError:
        return _answer(request, {"gone": _("This link is not valid, or no longer.")}, 404)
    episode = Episode.objects.select_related("rule").filter(pk=allowed.episode).first()
    if episode is None:
        return _answer(request, {"gone": _("This alert is no longer known.")}, 404)
    together = _together(episode)
    if request.method == "POST":
        chosen = [episode, *together] if request.POST.get("all") == "1" else [episode]
        acknowledge(chosen, allowed.by)
        together = _together(episode)
    return _answer(request, _facts(episode, together))


def _together(episode: Episode) -> list[Episode]:
    """What else is open in its groups and nobody has taken yet."""
    return list(
        Episode.objects.filter(
            memberships__group__in=episode.memberships.values("group"), state__in=OPEN
        )
        .exclude(pk=episode.pk)
        .exclude(acknowledgements__in=Acknowledgement.objects.filter(ended_at=None))
        .distinct()[:_MOST_TOGETHER]
    )


def _facts(episode: Episode, together: list[Episode]) -> dict[str, Any]:
    taken = Acknowledgement.objects.filter(episode=episode, ended_at=None).first()
    aggregation = episode.rule.aggregation if episode.rule else ""
    return {
        "episode": episode,
        "open": episode.state in OPEN,
        "taken": taken,
        "together": len(together),
        "labels": sorted(episode.labels.items()),
        "value": figure(episode.value, episode.unit, aggregation),
        "threshold": figure(episode.threshold, episode.unit, aggregation),
    }


def _answer(request: HttpRequest, facts: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {"title": _("Acknowledge"), **facts}
    answer = render(request, "alerts/acknowledge.html", context, status=status)
    answer["X-Robots-Tag"] = "noindex, nofollow"
    # The address is a right: it must not travel on.
    answer["Referrer-Policy"] = "no-referrer"
    return answer
