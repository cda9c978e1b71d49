"""What every page inside the admin's shell shares."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.core.errors import PortalError, error_body

View = Callable[..., HttpResponse]


def staff_json(view: View) -> View:
    """Only for staff; everyone else gets JSON, since a program reads this, not a person."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            body = error_body("not_authenticated", "Sign in first.", path=request.path)
            return _json(body, 401)
        if not admin.site.has_permission(request):
            body = error_body("permission_denied", "This is for staff.", path=request.path)
            return _json(body, 403)
        return view(request, *args, **kwargs)

    return guarded


def json_error(request: HttpRequest, error: PortalError) -> HttpResponse:
    """A failure in the one shape all programs get."""
    body = error_body(error.code, error.message, path=request.path, details=error.details)
    response = _json(body, error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response


def render(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> TemplateResponse:
    """A page in the admin's shell."""
    shell = admin.site.each_context(request)
    request.current_app = admin.site.name
    return TemplateResponse(request, template, {**shell, **context}, status=status)


def _json(body: dict[str, Any], status: int) -> HttpResponse:
    return HttpResponse(orjson.dumps(body), status=status, content_type="application/json")
