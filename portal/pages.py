"""What every page inside the admin's shell shares."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from apps.core import request_id
from apps.core.charts.board import Board
from apps.core.rangepicker import Choice


def staff_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page in the shell: GET only, for staff; others are led to the login page."""

    @require_GET
    @admin.site.admin_view
    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs)

    return page


def charts(request: HttpRequest, board: type[Board]) -> dict[str, Any]:
    """The context of a page that shows the charts of `board` over the range of its address."""
    return {"choice": Choice.read(request.GET, board.default_range), "charts": board.charts}


def render(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> TemplateResponse:
    """A page in the admin's shell."""
    shell = admin.site.each_context(request)
    request.current_app = admin.site.name
    told = {**shell, "request_id": request_id.current(), **context}
    return TemplateResponse(request, template, told, status=status)
