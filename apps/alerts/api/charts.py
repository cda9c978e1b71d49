"""The chart of an alert for whoever was sent its signed address."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from apps.alerts.delivery import chart
from apps.alerts.delivery.chart import links
from apps.alerts.models import Episode


@require_safe
def png(request: HttpRequest, word: str) -> HttpResponse:  # noqa: ARG001
    """A PNG. 404 for an address that was not signed here, is too old, or has nothing to show."""
    named = links.read(word)
    if named is None:
        raise Http404
    episode = Episode.objects.filter(pk=named[0]).select_related("rule").first()
    found = chart.picture(chart.of_episode(episode, named[1])) if episode else None
    if found is None:
        raise Http404
    # It shows what was; the address holds the moment.
    headers = {"Cache-Control": "public, max-age=86400, immutable"}
    return HttpResponse(found, content_type="image/png", headers=headers)
