"""Who may see evidence, and how a wrong filter is told."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.core.errors import InvalidInputError, UnavailableError
from portal.pages import render, staff_page

View = Callable[..., HttpResponse]


def in_shell(permission: str) -> Callable[[View], View]:
    """For staff who hold the permission; anonymous visitors are sent to the login page.

    Log lines and spans hold what users did, so being staff is not enough.
    """

    def decorate(view: View) -> View:
        @staff_page
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            try:
                return view(request, *args, **kwargs)
            except (InvalidInputError, UnavailableError) as error:
                context = {"title": _("This cannot be shown"), "message": error.words}
                return render(request, "pages/problem.html", context, status=error.status)

        return guarded

    return decorate
