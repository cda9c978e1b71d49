"""One shape for every failure, or a plain page for people."""

import logging
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView, set_rollback

from apps.core import request_id
from apps.core.api.renderers import JSONRenderer
from apps.core.errors import (
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    PortalError,
    UnavailableError,
    code_for,
    error_body,
    error_page,
)
from apps.core.services import apikeys

logger = logging.getLogger(__name__)
# PostgreSQL's words for a value that does not fit: out of range, not a time, not text.
_UNFIT: Final = {"22003", "22007", "22008", "22021", "22P02", "22P05"}
_API_PREFIXES: Final = ("/api/", "/v1/", "/health", "/metrics")


def handle(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. None (the error goes on to `server_error`) for unexpected ones."""
    known = _known(exc)
    if known is None:
        return None
    set_rollback()
    status, code, message, details, headers = known
    request = context.get("request")
    path = request.path if request is not None else ""
    if isinstance(request, Request):
        # The error is JSON even where the view renders something else or nothing was acceptable.
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type
    body = error_body(code, message, path=path, details=details)
    return Response(body, status=status, headers=headers)


_Known = tuple[int, str, str, dict[str, Any], dict[str, str]]


def _known(exc: BaseException | None) -> _Known | None:
    if isinstance(exc, OperationalError | InterfaceError):
        logger.warning("The database did not answer", exc_info=exc)
        exc = UnavailableError("The database cannot be asked right now.")
    if isinstance(exc, DataError) and _is_of_the_caller(exc):
        exc = InvalidInputError("A value is outside of what can be stored: too large or not text.")
    if isinstance(exc, PortalError):
        return exc.status, exc.code, exc.message, exc.details, exc.headers
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if isinstance(exc, exceptions.APIException):
        return _from_rest_framework(exc)
    return None


def _is_of_the_caller(exc: DataError) -> bool:
    """Whether a value was wrong. A division by zero is also a DataError, and a fault of ours."""
    state = getattr(exc.__cause__, "sqlstate", None)
    # Without a state the driver refused it before the server saw it: NUL in a text.
    return state is None or state in _UNFIT


def _from_rest_framework(exc: exceptions.APIException) -> _Known:
    headers = {}
    if getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = str(exc.auth_header)  # type: ignore[attr-defined]
    if (wait_s := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(wait_s)))
    details: dict[str, Any] = {}
    message = str(exc.detail) if isinstance(exc.detail, str) else ""
    if isinstance(exc, exceptions.ValidationError):
        fields = _text_keys(exc.detail)
        message = _first_problem(fields) or str(exceptions.ValidationError.default_detail)
        details = {"fields": fields} if isinstance(fields, dict) else {"problems": fields}
    code = code_for(exc.status_code)
    return exc.status_code, code, message or _phrase(exc.status_code), details, headers


def _text_keys(value: Any) -> Any:
    # Errors of list items come keyed by their position; JSON's keys are text.
    if isinstance(value, dict):
        return {str(key): _text_keys(item) for key, item in value.items()}
    return [_text_keys(item) for item in value] if isinstance(value, list) else value


def _first_problem(problems: Any, name: str = "") -> str:
    """The first of them as a sentence that begins with where it is: `page_size: …`."""
    if isinstance(problems, dict):
        own = api_settings.NON_FIELD_ERRORS_KEY
        for key, inner in problems.items():
            where = name if key == own else f"{name}.{key}" if name else key
            if found := _first_problem(inner, where):
                return found
    if isinstance(problems, list):
        return next((found for inner in problems if (found := _first_problem(inner, name))), "")
    return (f"{name}: {problems}" if name else str(problems)) if isinstance(problems, str) else ""


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def wants_json(request: HttpRequest) -> bool:
    """Whether the caller is a program: by path, by view, by key, or by what it accepts."""
    if request.path.startswith(_API_PREFIXES):
        return True
    match = request.resolver_match
    view = getattr(match.func, "view_class", getattr(match.func, "cls", None)) if match else None
    if isinstance(view, type) and issubclass(view, APIView):
        return True
    if apikeys.presented(request.META.get("HTTP_AUTHORIZATION", "")) is not None:
        return True
    # A browser that goes to a page always names HTML; forms know no other methods.
    people = "text/html" in request.headers.get("Accept", "text/html")
    return not people or request.method not in ("GET", "HEAD", "POST")


def refuse(request: HttpRequest, error: PortalError) -> HttpResponse:
    """The answer of a plain Django view to a known failure."""
    return _answer(
        request, error.status, error.code, error.message, error.details, error.headers,
        words=str(error.words),
    )  # fmt: skip


def _answer(
    request: HttpRequest,
    status: int,
    code: str,
    message: str,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    words: str = "",
) -> HttpResponse:
    """`words`: the message in the language of whoever reads a page."""
    if wants_json(request):
        body = error_body(code, message, path=request.path, details=details)
        return JsonResponse(body, status=status, headers=dict(headers or {}))
    page = error_page(status, words or message)
    return HttpResponse(page, status=status, headers=dict(headers or {}))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """`handler400`: Django's own refusals, such as a foreign Host header."""
    del exception  # what it says is for the log
    return refuse(request, InvalidInputError(_("The request is malformed.")))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """`handler403`."""
    del exception
    return refuse(request, NotAllowedError(_("You may not do this.")))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """`handler404`."""
    del exception
    return refuse(request, NotFoundError(_("There is nothing at this address.")))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """`handler500`: Django has logged the error with the request id; the caller sees only the id.

    A database that is away is not a fault of ours: 503.
    """
    known = _known(sys.exc_info()[1])
    if known is not None:
        status, code, message, details, headers = known
        return _answer(request, status, code, message, details, headers)
    logger.error("Unexpected error", extra={"path": request.path, "id": request_id.current()})
    return _answer(request, 500, code_for(500), "Something went wrong here; it has been logged.")
