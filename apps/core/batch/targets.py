"""Which calls may be part of a batch: those of the portal's API, and never another batch."""

import re
from typing import Final

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from rest_framework.views import APIView

from apps.core.batch.shapes import Item
from apps.core.errors import InvalidInputError, NotFoundError

# Visible ASCII: everything else is percent-encoded in an address. No fragment, and no second
# slash at the start, which would make the first word a host.
_PATH: Final = re.compile(r"/(?!/)[!\"$-~]*", re.ASCII)
# Who calls, from where, and how a body is framed is not the item's to say. What no view heeds, as
# If-Match, is refused too: who sends it relies on it.
HEADERS: Final = frozenset({"if-none-match", "if-modified-since", "accept-language"})
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def check(item: Item) -> None:
    """Raises InvalidInputError for what no item may say."""
    if not _PATH.fullmatch(item.path):
        raise InvalidInputError(
            "The path of a request in a batch begins with one slash and is percent-encoded, "
            "such as /admin/audit?actor=ann."
        )
    foreign = sorted(name[:60] for name in item.headers if name.lower() not in HEADERS)
    if foreign:
        raise InvalidInputError(
            f"A request in a batch cannot set {', '.join(foreign[:5])}. "
            f"It may set: {', '.join(sorted(HEADERS))}.",
            {"headers": foreign[:20]},
        )
    if not all(_VALUE.fullmatch(value) for value in item.headers.values()):
        raise InvalidInputError("A header's value is one line of text.")


def resolve_api(request: HttpRequest) -> None:
    """Raises where the address is no part of the API or is a batch itself.

    It is looked up as Django will look it up, so no spelling of it gets past.
    """
    try:
        match = resolve(request.path_info)
    except Resolver404:
        raise NotFoundError("There is nothing at this address.") from None
    view = getattr(match.func, "view_class", getattr(match.func, "cls", None))
    if not isinstance(view, type) or not issubclass(view, APIView):
        raise NotFoundError("A batch reaches the API only; this address is a page.")
    if not getattr(view, "batchable", True):
        raise InvalidInputError("A batch cannot hold this request; send it by itself.")
