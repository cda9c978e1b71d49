"""The calendar feed. Calendar programs send no key: the address is the secret."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from apps.alerts.services import feeds
from apps.core.api.errors import refuse
from apps.core.ratelimit import ThrottledError, limiter
from apps.core.ratelimit.callers import identify


@require_safe
def calendar_feed(request: HttpRequest) -> HttpResponse:
    """One calendar; 404 for a token nobody has."""
    key, policy = identify(request)
    verdict = limiter.take(key, policy, 5, "local")
    if not verdict.allowed:
        return refuse(request, ThrottledError(policy, verdict))
    # In the query and not in the path: spans and logs keep paths.
    found = feeds.read(request.GET.get("token", ""))
    if found is None:
        raise Http404
    answer = HttpResponse(found, content_type="text/calendar; charset=utf-8")
    answer["Cache-Control"] = "private, max-age=300"
    answer["Content-Disposition"] = 'inline; filename="on-call.ics"'
    return answer
