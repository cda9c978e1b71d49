"""What every page inside the admin's shell shares."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse


def render(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> TemplateResponse:
    """A page in the admin's shell."""
    shell = admin.site.each_context(request)
    request.current_app = admin.site.name
    return TemplateResponse(request, template, {**shell, **context}, status=status)
