"""The one way to sign in: the admin's own page behind the limit on signing in."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from apps.core.api.errors import wants_json
from apps.core.errors import error_body
from apps.core.logins import attempt, devices
from apps.core.logins.gate import POLICY
from apps.core.ratelimit import ThrottledError, Verdict


@sensitive_post_parameters()
@csrf_protect
@never_cache
def login(request: HttpRequest) -> HttpResponseBase:
    """The sign-in page; 429 with the wait in words while too many attempts have failed."""
    if request.method != "POST":
        return admin.site.login(request)
    # As the form reads it.
    account = request.POST.get("username", "").strip()
    tried = attempt(request, account)
    if tried.refusal is not None:
        return _refused(request, tried.refusal)
    response = admin.site.login(request)
    # The page again, with an error, is a 200; only a sign-in leads on.
    if response.status_code == 302:
        tried.succeeded()
        devices.remember(request, response, request.user.get_username())
    return response


def _refused(request: HttpRequest, verdict: Verdict) -> HttpResponse:
    error = ThrottledError(POLICY, verdict)
    if wants_json(request):
        body = error_body(error.code, error.message, path=request.path, details=error.details)
        return JsonResponse(body, status=error.status, headers=error.headers)
    wait_s = error.details["retry_after_s"]
    words = ngettext("Try again in %(n)d second.", "Try again in %(n)d seconds.", wait_s)
    context = {
        **admin.site.each_context(request),
        "title": _("Too many attempts to sign in"),
        "wait": words % {"n": wait_s},
    }
    page = render(request, "admin/too_many_logins.html", context, status=error.status)
    for name, value in error.headers.items():
        page.headers[name] = value
    return page
