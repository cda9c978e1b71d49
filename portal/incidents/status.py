"""Status pages as their readers see them: no session, no script, only what was published."""

import contextlib
import re
from collections.abc import Callable
from typing import Final

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import get_language, override
from django.views.decorators.http import require_safe

from apps.alerts import conf
from apps.alerts.incidents import statuspages
from apps.alerts.models import StatusPage

_KEPT_S: Final = 20
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LANGUAGES: Final = ("en", "ko")


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """The page. A private one without its token is none, but for staff who may see such pages."""
    row = _readable(request, slug)
    language = _language(request)
    body = _kept(row, f"page:{language}", lambda: _html(row, language, request))
    return _answer(row, HttpResponse(body, content_type="text/html; charset=utf-8"))


@require_safe
def feed(request: HttpRequest, slug: str) -> HttpResponse:
    """What was published, as Atom."""
    row = _readable(request, slug)
    body = _kept(row, "feed", lambda: _atom(row))
    return _answer(row, HttpResponse(body, content_type="application/atom+xml; charset=utf-8"))


def _readable(request: HttpRequest, slug: str) -> StatusPage:
    row = StatusPage.objects.filter(slug=slug, enabled=True).first()
    if row is None:
        raise Http404
    # The token first: readers have no session, and none is looked up for them.
    if not statuspages.may_read(row, request.GET.get("token", "")) and not request.user.has_perm(
        "alerts.view_statuspage"
    ):
        raise Http404
    return row


def _language(request: HttpRequest) -> str:
    asked = request.GET.get("lang", "")
    if asked in _LANGUAGES:
        return asked
    spoken = (get_language() or "en").split("-")[0]
    return spoken if spoken in _LANGUAGES else "en"


def _kept(row: StatusPage, what: str, make: Callable[[], str]) -> bytes:
    """A crowd reads a status page just when all is slow: it is made every twenty seconds."""
    if not row.public:
        return make().encode()
    key = f"status:{row.pk}:{what}"
    try:
        found: bytes | None = cache.get(key)
    except Exception:  # noqa: BLE001 (the cache may be away; the page must not be)
        return make().encode()
    if found is None:
        found = make().encode()
        with contextlib.suppress(Exception):
            cache.set(key, found, _KEPT_S)
    return found


def _html(row: StatusPage, language: str, request: HttpRequest) -> str:
    # The links of a private page open nothing without the token its reader came with.
    token = "" if row.public else request.GET.get("token", "")
    with override(language):
        told = {"page": statuspages.shown(row), "language": language, "token": token}
        return render_to_string("status/page.html", told)


def _atom(row: StatusPage) -> str:
    shown = statuspages.shown(row)
    address = f"{conf.base_url()}/status/{row.slug}/"
    with override("en"):
        atom = Atom1Feed(
            title=_printable(shown.title), link=address, description=_printable(shown.intro)
        )
        for notice in (*shown.active, *shown.scheduled, *shown.past):
            for update in notice.updates.all():
                atom.add_item(
                    title=_printable(f"{notice.title}: {update.get_stage_display()}"),
                    link=f"{address}#notice-{notice.pk}", description=_printable(update.text),
                    unique_id=f"{address}#update-{update.pk}", updateddate=update.at,
                    pubdate=update.at,
                )  # fmt: skip
        return str(atom.writeString("utf-8"))


def _printable(text: str) -> str:
    """Without control characters: XML takes none, and one would be the end of the whole feed."""
    return _CONTROL.sub(" ", text)


def _answer(row: StatusPage, answer: HttpResponse) -> HttpResponse:
    answer["Cache-Control"] = f"public, max-age={_KEPT_S}" if row.public else "private, no-store"
    answer["X-Robots-Tag"] = "all" if row.public else "noindex"
    patch_vary_headers(answer, ["Accept-Language"])
    return answer
