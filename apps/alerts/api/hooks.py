"""Addresses that are called without a key: providers' receipts, and short links of messages."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from apps.alerts import conf
from apps.alerts.delivery.phone import Callback, ForgedError
from apps.alerts.delivery.phone.words import long
from apps.alerts.services import receipts
from apps.core.api.errors import refuse
from apps.core.errors import NotAllowedError, NotFoundError, PortalError, error_body


@csrf_exempt  # the provider's signature stands for the token
@require_POST
def receipt(request: HttpRequest, provider: str, token: str) -> HttpResponse:
    """Keep what a provider says became of a message. 204; 403 unsigned; 404 for another's token."""
    form = {name: str(value) for name, value in request.POST.items()}
    headers = {name.lower(): value for name, value in request.headers.items()}
    # As we gave it to the provider: behind a proxy the request's own may be another.
    callback = Callback(conf.base_url() + request.path, headers, form)
    try:
        receipts.take_callback(provider, token, callback)
    except ForgedError:
        return _refused(request, NotAllowedError("The provider did not sign this."))
    except NotFoundError as error:
        return _refused(request, error)
    return HttpResponse(status=204)


@require_GET
def short_link(request: HttpRequest, letters: str) -> HttpResponse:
    """To the page of an episode, which asks who one is."""
    episode = long(letters)
    if episode is None:
        return refuse(request, NotFoundError("There is nothing at this address."))
    return HttpResponseRedirect(conf.episode_url(episode))


def _refused(request: HttpRequest, error: PortalError) -> HttpResponse:
    return JsonResponse(
        error_body(error.code, error.message, path=request.path), status=error.status
    )
